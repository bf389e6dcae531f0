-- The workflows that have statistics, by one look into the index for each.
with recursive known (workflow) as (
  (select workflow from tasker.step_statistics order by workflow limit 1)
  union all
  select (
    select s.workflow
    from tasker.step_statistics s
    where s.workflow > known.workflow
    order by s.workflow
    limit 1
  )
  from known
  where known.workflow is not null
)
select workflow from known where workflow is not null
