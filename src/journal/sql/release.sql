-- Gives own slots away by compare-and-set: a late release finds another version and does nothing.
-- $1 incarnation; $2 by slot, the version that it must have; -1: it stays.
-- Locks: slots in their order.
with leaving as materialized (
  select slot
  from tasker.slot
  where version = ($2::bigint[])[slot + 1]
    and owner = $1
  order by slot
  for update
)
update tasker.slot s
set owner = null, version = s.version + 1
from leaving
where s.slot = leaving.slot
returning s.slot, s.version
