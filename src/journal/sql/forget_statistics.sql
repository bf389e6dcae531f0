-- Removes the oldest rows of a workflow; returns how many.
-- $1 workflow; $2 before that ms; $3 rows at most.
with gone as (
  delete from tasker.step_statistics
  where ctid = any (array(
    select ctid
    from tasker.step_statistics
    where workflow = $1::text
      and from_ms < $2::float8::bigint
    order by workflow, from_ms, writer, number, of_steps
    limit $3
  ))
  returning 1
)
select count(*)::int as count from gone
