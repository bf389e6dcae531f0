-- Whole journals of some tasks.
-- $1 task ids.
select task_id, turn, convert_from(events, 'utf8') as events
from tasker.journal
where task_id = any ($1::uuid[])
order by task_id, turn
