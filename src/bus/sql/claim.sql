-- Takes envelopes of one channel for a lease.
-- $1 channel, $2 how many, $3 lease in ms.
-- Locks: rows in the order of their ids; those that another takes are skipped.
with due as materialized (
  select id
  from tasker.bus_envelope
  where channel = $1
    and visible_at <= now()
  order by id
  limit $2
  for update skip locked
),
unsynced as materialized (
  -- A claim that is lost with the server hands its envelopes over again: it need not reach the disk.
  select set_config('synchronous_commit', 'off', true)
)
update tasker.bus_envelope e
set
  visible_at = now() + $3::float8 * interval '1 millisecond',
  deliveries = e.deliveries + 1
from due
cross join unsynced
where e.channel = $1
  and e.id = due.id
returning e.id, e.deliveries, e.body
