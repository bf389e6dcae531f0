-- The newest tasks of a workflow in each window of ids, newest first. Each state of each window is a
-- range of one index, so the work is bounded by windows and limit, however many tasks there are.
-- A key of a list is a hash: what has the same key without matching is left out.
-- $1 namespace; $2 workflow; $3 states; $4, $5 first id of each window and the one behind its last;
-- $6 tasks of a window at most.
select w.place::int, one.task_id, one.version
from unnest($4::uuid[], $5::uuid[]) with ordinality as w (first_id, end_id, place)
cross join lateral (
  select found.task_id, found.version
  from unnest($3::text[]) as wanted (state)
  cross join lateral (
    select t.task_id, t.namespace, t.workflow, t.version
    from tasker.task t
    where (tasker.list_key(t.namespace, t.workflow, t.state, ''), t.task_id)
      >= (tasker.list_key($1::text, $2::text, wanted.state, ''), w.first_id)
      and (tasker.list_key(t.namespace, t.workflow, t.state, ''), t.task_id)
      < (tasker.list_key($1::text, $2::text, wanted.state, ''), w.end_id)
    order by tasker.list_key(t.namespace, t.workflow, t.state, '') desc, t.task_id desc
    limit $6
  ) found
  where found.namespace = $1::text
    and found.workflow = $2::text
  order by found.task_id desc
  limit $6
) one
order by w.place, one.task_id desc
