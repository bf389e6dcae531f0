-- Gives own slots away by compare-and-set: a late release finds another version and does nothing.
-- $1 incarnation, $2 slots and versions as JSON.
-- Locks: slots in their order.
with leaving as materialized (
  select s.slot
  from tasker.slot s
  join jsonb_to_recordset($2::text::jsonb) as w (slot int, version bigint) using (slot)
  where s.version = w.version
    and s.owner = $1
  order by s.slot
  for update of s
)
update tasker.slot s
set owner = null, version = s.version + 1
from leaving
where s.slot = leaving.slot
returning s.slot, s.version
