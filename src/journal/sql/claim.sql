-- Takes free slots by compare-and-set.
-- $1 incarnation; $2 by slot, the version that it must have; -1: it is not wanted.
-- Versions are looked up by place, not joined: no statistics can make this a loop over all pairs.
-- Locks: the own node row for key share, then slots in their order.
with me as materialized (
  select 1
  from tasker.node
  where incarnation = $1
  for key share
),
wanted as materialized (
  select slot
  from tasker.slot
  where version = ($2::bigint[])[slot + 1]
    and owner is null
    and exists (select from me)
  order by slot
  for update
)
update tasker.slot s
set owner = $1, version = s.version + 1
from wanted
where s.slot = wanted.slot
returning s.slot, s.version
