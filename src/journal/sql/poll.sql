-- Renews, and sees everything a node has to know, in one statement.
with me as (
  update tasker.node
  set expires_at = now() + interval '10 seconds', renewals = renewals + 1
  where incarnation = $1
  returning 1
)
select
  exists (select from me) as alive,
  (extract(epoch from clock_timestamp()) * 1000)::float8 as now_ms,
  (
    select coalesce(json_agg(json_build_array(incarnation, name, renewals, expires_at < now())), '[]')
    from tasker.node
  ) as nodes,
  (
    select coalesce(json_agg(json_build_array(slot, owner, version)), '[]')
    from tasker.slot
    where changed_at > to_timestamp($2::float8 / 1000.0)
  ) as slots,
  (
    select coalesce(json_agg(json_build_array(i.command_id, i.slot, i.command, i.wants_answer)), '[]')
    from (
      select i.*
      from tasker.inbox i
      join tasker.slot s on s.slot = i.slot and s.owner = $1
      order by i.created_at
      limit 500
    ) i
  ) as inbox,
  (
    select coalesce(json_agg(task_id), '[]')
    from (
      select t.task_id
      from tasker.task t
      join tasker.slot s on s.slot = t.slot and s.owner = $1
      where t.wake_at <= now()
        and t.wake_at is not null
        and not t.resident
      order by t.wake_at
      limit 500
    ) t
  ) as due
