-- Takes free slots by compare-and-set.
-- $1 incarnation, $2 slots and versions as JSON.
-- Locks: the own node row for key share, then slots in their order.
with me as materialized (
  select 1
  from tasker.node
  where incarnation = $1
  for key share
),
wanted as materialized (
  select s.slot
  from tasker.slot s
  join jsonb_to_recordset($2::text::jsonb) as w (slot int, version bigint) using (slot)
  where s.version = w.version
    and s.owner is null
    and exists (select from me)
  order by s.slot
  for update of s
)
update tasker.slot s
set owner = $1, version = s.version + 1
from wanted
where s.slot = wanted.slot
returning s.slot, s.version
