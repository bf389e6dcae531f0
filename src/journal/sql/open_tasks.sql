-- Counts the tasks of a definition that have not ended, up to a bound.
--
-- $1 namespace, $2 name, $3 hash of the definition, $4 the most that are counted
select count(*)::int as count
from (
  select
  from unnest(array['running', 'waiting', 'blocked', 'paused']) as open (state)
  cross join lateral (
    -- By the index of lists: what has ended costs nothing.
    select
    from tasker.task t
    where tasker.list_key(t.namespace, t.workflow, t.state, '')
        = tasker.list_key($1::text, $2::text, open.state, '')
      and t.namespace = $1::text
      and t.workflow = $2::text
      and t.definition_hash = $3::text
      and t.ended_at is null
    limit $4::int
  ) one
  limit $4::int
) counted
