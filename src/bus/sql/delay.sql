-- Lets envelopes come again, or prolongs their leases: $4 ms from now.
-- $1 channels, $2 ids, $3 deliveries, $4 ms, side by side. Whose lease has ended since, and was
-- delivered to another, is not touched.
with unsynced as materialized (
  -- A delay that is lost with the server ends with its lease: it need not reach the disk.
  select set_config('synchronous_commit', 'off', true)
)
update tasker.bus_envelope e
set visible_at = now() + x.ms * interval '1 millisecond'
from unnest($1::text[], $2::uuid[], $3::int[], $4::float8[]) as x (channel, id, deliveries, ms)
cross join unsynced
where e.channel = x.channel
  and e.id = x.id
  and e.deliveries = x.deliveries
