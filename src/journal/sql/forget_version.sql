-- Development only: frees a version whose tasks have all ended. Answers those that have not.
--
-- $1 namespace, $2 name, $3 version, $4 hash of the definition, $5 how many tasks are named
with open_task as materialized (
  select one.task_id
  from unnest(array['running', 'waiting', 'blocked', 'paused']) as open (state)
  cross join lateral (
    -- By the index of lists: what has ended costs nothing.
    select t.task_id
    from tasker.task t
    where tasker.list_key(t.namespace, t.workflow, t.state, '')
        = tasker.list_key($1::text, $2::text, open.state, '')
      and t.namespace = $1::text
      and t.workflow = $2::text
      and t.definition_hash = $4::text
      and t.ended_at is null
    limit $5::int
  ) one
  order by one.task_id
  limit $5::int
),
freed as (
  delete from tasker.workflow w
  where w.namespace = $1::text
    and w.name = $2::text
    and w.version = $3::text
    and w.hash = $4::text
    and not exists (select from open_task)
)
select o.task_id
from open_task o
