-- Wakes the owners of slots. A transaction of its own: a NOTIFY takes a lock of the whole server.
-- $1 channel, $2 slots.
select pg_notify($1, o.owner::text)
from (
  select distinct owner
  from tasker.slot
  where owner is not null
    and slot = any ($2::int[])
) o
