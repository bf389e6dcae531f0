-- Appends turns, and does all that hangs on them.
-- $1 incarnation; $2 task ids, $3 turns, $4 append ids; $5 events, between characters U+001F, which
-- no JSON holds; $6 effects as JSON: what a row brings with it, and what comes without a row.
-- Locks: the own node row for key share, then keys, journal, tasks and inbox rows, each sorted.
with me as materialized (
  -- The fence: renewals change no key column and do not wait for this; a takeover's delete does.
  select 1
  from tasker.node
  where incarnation = $1
  for key share
),
r as materialized (
  select x.task, x.turn, x.append, x.events
  from unnest($2::uuid[], $3::int[], $4::uuid[], string_to_array($5, e'\x1f'))
    as x (task, turn, append, events)
  where exists (select from me)
),
e as materialized (
  select x.*
  from jsonb_to_recordset($6::text::jsonb) as x (
    append uuid, task uuid, slot int,
    ns text, wf text, ver text, hash text, tags text[], key text, body text, born bigint, apart boolean,
    state text, why text, live boolean, wake bigint, ended bigint,
    inbox text[], answers jsonb
  )
  where exists (select from me)
),
k as (
  -- Sorted, or two flushes with the same keys deadlock.
  insert into tasker.task_key (namespace, key, task_id, body_hash)
  select ns, key, task, body
  from e
  where key is not null
  order by ns collate "C", key collate "C"
  on conflict do nothing
  returning task_id
),
keyless as materialized (
  select append
  from e
  where key is not null
    and task not in (select task_id from k)
),
j as (
  insert into tasker.journal (task_id, append_id, turn, events)
  select task, append, turn, convert_to(events, 'utf8')
  from r
  where append not in (select append from keyless)
  order by task
  on conflict do nothing
  returning append_id
),
done as materialized (
  select e.*
  from e
  left join j on j.append_id = e.append
  where e.append is null
    or j.append_id is not null
),
born as (
  insert into tasker.task (
    task_id, slot, namespace, workflow, version, definition_hash, tags, created_at, minted_apart,
    state, blocked_reason, resident, wake_at, ended_at
  )
  select
    task, slot, ns, wf, ver, hash, tags, to_timestamp(born / 1000.0), coalesce(apart, false),
    state, why, live, to_timestamp(wake / 1000.0), to_timestamp(ended / 1000.0)
  from done
  where key is not null
),
changed as (
  update tasker.task t
  set
    state = done.state,
    listed_state = case
      when done.state = 'running' then coalesce(t.listed_state, nullif(t.state, 'running'))
    end,
    blocked_reason = done.why,
    resident = done.live,
    wake_at = to_timestamp(done.wake / 1000.0),
    ended_at = to_timestamp(done.ended / 1000.0)
  from done
  where done.state is not null
    and done.key is null
    and t.task_id = done.task
  returning t.task_id, t.namespace, t.workflow, t.tags, t.state, t.listed_state
),
listed as materialized (
  -- Tags are listed under each state but running; a state of before is that of the last list.
  select task, ns, wf, tags, state, null as state_before
  from done
  where key is not null
    and tags <> '{}'
    and state <> 'running'
  union all
  select c.task_id, c.namespace, c.workflow, c.tags, c.state, before.listed_state
  from changed c
  cross join lateral (
    -- As this statement has found it. By its limit one look into the index, whatever is expected.
    select coalesce(listed_state, nullif(state, 'running')) as listed_state
    from tasker.task
    where task_id = c.task_id
    limit 1
  ) before
  where c.tags <> '{}'
    and c.state <> 'running'
    and c.state is distinct from before.listed_state
),
first_listed as (
  insert into tasker.task_by_tag (list_key, task_id)
  select distinct tasker.list_key(ns, wf, state, tag), task
  from listed
  cross join lateral unnest(tags) as of_task (tag)
  where state_before is null
),
moved as (
  update tasker.task_by_tag t
  set list_key = tasker.list_key(ns, wf, listed.state, tag)
  from listed
  cross join lateral unnest(tags) as of_task (tag)
  where listed.state_before is not null
    and t.list_key = tasker.list_key(ns, wf, state_before, tag)
    and t.task_id = listed.task
),
taken as (
  delete from tasker.inbox i
  using (select slot, unnest(inbox) as command_id from done) c
  where i.slot = c.slot
    and i.command_id = c.command_id
),
answered as (
  insert into tasker.answer (command_id, body)
  select a ->> 'commandId', a ->> 'body'
  from done
  cross join lateral jsonb_array_elements(answers) a
  on conflict do nothing
)
select
  exists (select from me) as alive,
  (select count(*) from j)::int as inserted
