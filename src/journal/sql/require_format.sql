-- Notes that own slots have tasks in a newer event format than this node reads; a move, so that all
-- nodes see it.
-- $1 incarnation; $2 by slot, the version that it must have, -1: it is not meant; $3 the format.
-- Locks: slots in their order.
with meant as materialized (
  select slot
  from tasker.slot
  where version = ($2::bigint[])[slot + 1]
    and owner = $1
  order by slot
  for update
)
update tasker.slot s
set format_min = greatest(s.format_min, $3::int), version = s.version + 1
from meant
where s.slot = meant.slot
returning s.slot, s.version
