-- Frees slots whose owner has no row, by compare-and-set: an owner that joined since is not robbed.
-- Locks: slots in their order.
with orphan as materialized (
  select s.slot, s.version
  from tasker.slot s
  where s.owner is not null
    and not exists (select from tasker.node n where n.incarnation = s.owner)
),
held as materialized (
  select s.slot
  from tasker.slot s
  join orphan o using (slot)
  where s.version = o.version
  order by s.slot
  for update of s
)
update tasker.slot s
set owner = null, version = s.version + 1
from held
where s.slot = held.slot
returning s.slot
