-- Renews, and sees everything a node has to know, in one statement.
-- $1 incarnation; $2 the sum of slot versions at the last poll, or -1; $3 and $4 time and id of the
-- command in the inbox after which to go on, or -infinity and ''.
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
),
page as materialized (
  -- The next commands in the inbox, the oldest first. What stays there, because its task is
  -- quarantined, is read again by the next round and holds up nothing.
  select
    i.*,
    count(*) over () as found,
    row_number() over in_order as number,
    sum(pg_column_size(i.command)) over in_order as bytes
  from (
    select i.command_id, i.slot, i.command, i.wants_answer, i.created_at
    from tasker.inbox i
    join mine using (slot)
    where (i.created_at, i.command_id) > ($3::text::timestamptz, $4)
    order by i.created_at, i.command_id
    limit 500
  ) i
  window in_order as (order by i.created_at, i.command_id)
),
oldest as materialized (
  -- As many as fit into 4 MiB, by their stored length; the first always does.
  select *
  from page
  where number = 1
    or bytes <= 4194304
),
newest as (
  -- In the middle of a round, so that what is new does not wait for its end: 1 MiB more at most.
  select i.*, sum(pg_column_size(i.command)) over (order by i.created_at desc) as bytes
  from (
    select i.command_id, i.slot, i.command, i.wants_answer, i.created_at
    from tasker.inbox i
    join mine using (slot)
    where $3 <> '-infinity'
    order by i.created_at desc, i.command_id desc
    limit 100
  ) i
)
select
  exists (select from me) as alive,
  (extract(epoch from clock_timestamp()) * 1000)::float8 as now_ms,
  (
    select coalesce(
      json_agg(json_build_array(incarnation, name, renewals, expires_at < now(), format, bus)),
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
      select command_id, slot, command, wants_answer
      from oldest
      union all
      select command_id, slot, command, wants_answer
      from newest
      where bytes <= 1048576
        and command_id not in (select command_id from oldest)
    ) i
  ) as inbox,
  (select version::float8 from tasker.system_version) as systems,
  (select number::float8 from tasker.deployment_number) as deployments,
  (
    -- Null: the next round begins.
    select json_build_array(created_at::text, command_id)
    from oldest
    where found = 500
      or found > (select count(*) from oldest)
    order by created_at desc, command_id desc
    limit 1
  ) as inbox_next,
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
