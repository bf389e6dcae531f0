-- Renews, and sees everything a node has to know, in one statement.
-- $1 incarnation; $2 the sum of slot versions at the last poll, or -1.
with me as (
  update tasker.node
  set expires_at = now() + interval '10 seconds', renewals = renewals + 1
  where incarnation = $1
  returning 1
),
moves as materialized (
  select coalesce(sum(version), 0)::text as total
  from tasker.slot
),
mine as materialized (
  select slot
  from tasker.slot
  where owner = $1
)
select
  exists (select from me) as alive,
  (extract(epoch from clock_timestamp()) * 1000)::float8 as now_ms,
  (
    select coalesce(
      json_agg(json_build_array(incarnation, name, renewals, expires_at < now(), format)),
      '[]'
    )
    from tasker.node
  ) as nodes,
  (select total from moves) as moves,
  (
    select json_agg(json_build_array(slot, owner, version, format_min))
    from tasker.slot
    where (select total from moves) <> $2
  ) as slots,
  (
    select coalesce(json_agg(json_build_array(command_id, slot, command, wants_answer)), '[]')
    from (
      -- As many of the oldest as fit into 4 MiB, by their stored length; the first always does.
      select
        i.*,
        row_number() over in_order as number,
        sum(pg_column_size(i.command)) over in_order as bytes
      from (
        select i.command_id, i.slot, i.command, i.wants_answer, i.created_at
        from tasker.inbox i
        join mine using (slot)
        order by i.created_at, i.command_id
        limit 500
      ) i
      window in_order as (order by i.created_at, i.command_id)
    ) i
    where number = 1
      or bytes <= 4194304
  ) as inbox,
  (
    select coalesce(json_agg(mine.slot), '[]')
    from mine
    cross join lateral (
      -- By its order each slot is one look into the index, however much there is, due or not.
      select
      from tasker.task
      where slot = mine.slot
        and wake_at <= now()
        and not resident
        and ended_at is null
      order by wake_at
      limit 1
    ) t
  ) as due_slots
