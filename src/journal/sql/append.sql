with me as materialized (
  -- The fence: a renewal changes no key column, so it does not wait for this; a takeover's delete does.
  select 1
  from tasker.node
  where incarnation = $1
  for key share
),
r as materialized (
  select x.*
  from jsonb_to_recordset($2::text::jsonb) as x (
    task uuid, turn int, append uuid, events text, slot int,
    ns text, wf text, ver text, hash text, tags text[], key text, body text, born bigint,
    state text, why text, live boolean, wake bigint, ended bigint,
    inbox text[], answers jsonb
  )
  where exists (select from me)
),
k as (
  -- Sorted, or two flushes with the same keys deadlock.
  insert into tasker.task_key (namespace, key, task_id, body_hash)
  select ns, key, task, body
  from r
  where key is not null
  order by ns collate "C", key collate "C"
  on conflict do nothing
  returning task_id
),
kd as materialized (
  select array(select task_id from k) as ids
),
j as (
  insert into tasker.journal (task_id, turn, append_id, events)
  select task, turn, append, convert_to(events, 'utf8')
  from r, kd
  where turn is not null
    and (key is null or task = any (kd.ids))
  order by task
  on conflict do nothing
  returning task_id
),
born as (
  insert into tasker.task (
    task_id, slot, namespace, workflow, version, definition_hash, tags, created_at,
    state, blocked_reason, resident, wake_at, ended_at
  )
  select
    r.task, r.slot, r.ns, r.wf, r.ver, r.hash, r.tags, to_timestamp(r.born / 1000.0),
    r.state, r.why, r.live, to_timestamp(r.wake / 1000.0), to_timestamp(r.ended / 1000.0)
  from r
  join j on j.task_id = r.task
  where r.key is not null
),
changed as (
  update tasker.task t
  set
    state = r.state,
    blocked_reason = r.why,
    resident = r.live,
    wake_at = to_timestamp(r.wake / 1000.0),
    ended_at = to_timestamp(r.ended / 1000.0)
  from r
  join j on j.task_id = r.task
  where r.state is not null
    and r.key is null
    and r.turn is not null
    and t.task_id = r.task
),
taken as (
  delete from tasker.inbox i
  using (
    select r.slot, unnest(r.inbox) as command_id
    from r
    left join j on j.task_id = r.task
    where r.turn is null
      or j.task_id is not null
  ) c
  where i.slot = c.slot
    and i.command_id = c.command_id
),
answered as (
  insert into tasker.answer (command_id, body)
  select a ->> 'commandId', a ->> 'body'
  from r
  left join j on j.task_id = r.task
  cross join lateral jsonb_array_elements(r.answers) a
  where r.turn is null
    or j.task_id is not null
  on conflict do nothing
)
select
  exists (select from me) as alive,
  (select coalesce(json_agg(task_id), '[]') from j) as inserted
