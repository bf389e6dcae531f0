-- Living tasks that have to be in memory.
-- $1 slots.
select task_id
from tasker.task
where slot = any ($1::int[])
  and resident
  and ended_at is null
order by task_id
