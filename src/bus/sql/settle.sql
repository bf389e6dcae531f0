-- Removes envelopes that were handled, of any channels. Repeated, or late, it removes what is left.
-- $1 channels, $2 ids, side by side.
with unsynced as materialized (
  -- What comes back with a server that broke is handled again: this need not reach the disk.
  select set_config('synchronous_commit', 'off', true)
)
delete from tasker.bus_envelope e
using unnest($1::text[], $2::uuid[]) as x (channel, id)
cross join unsynced
where e.channel = x.channel
  and e.id = x.id
