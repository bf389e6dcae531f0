-- Appends turns, and applies everything that depends on them.
-- $1 incarnation; $2 task ids, $3 turns, $4 append ids; $5 events, between characters U+001F, which
-- no JSON holds; $6 effects as JSON: what a row brings with it, and what comes without a row.
--
-- me         the fence: the own node row; without it nothing is inserted
-- turn_row   the turns to append
-- effect     what each brings with it; those without an append id come without a turn
-- new_key    keys of new tasks that no other task has
-- refused    turns whose key another task has
-- journaled  turns that went in
-- done       the effects of these, and those without a turn: all that follows depends on them
-- born, changed                  rows of tasks
-- labelled, listed, unlisted     the lists of their tags and labels
-- valued                         their labels that are numbers or times
-- taken, answered                              commands out of the inbox, and answers to them
-- sent       commands that a turn sends to tasks of its slot
--
-- Locks: the own node row for key share; then rows of task_key and of journal, each sorted; then
-- rows of task, task_by_tag, task_by_value, inbox and answer, in no fixed order.
with me as materialized (
  -- The fence: renewals change no key column and do not wait for this; a takeover's delete does.
  select 1
  from tasker.node
  where incarnation = $1
  for key share
),
turn_row as materialized (
  select x.task_id, x.turn, x.append_id, x.events
  from unnest($2::uuid[], $3::int[], $4::uuid[], string_to_array($5, e'\x1f'))
    as x (task_id, turn, append_id, events)
  where exists (select from me)
),
effect as materialized (
  select x.*
  from jsonb_to_recordset($6::text::jsonb) as x (
    append_id uuid, task_id uuid, slot int,
    namespace text, workflow text, version text, definition_hash text, tags text[], key text,
    body_hash text, created_ms bigint, minted_apart boolean,
    state text, blocked_reason text, resident boolean, wake_ms bigint, ended_ms bigint,
    labels text[], inbox text[], answers jsonb, sends jsonb
  )
  where exists (select from me)
),
new_key as (
  -- Sorted, or two flushes with the same keys deadlock.
  insert into tasker.task_key (namespace, key, task_id, body_hash)
  select namespace, key, task_id, body_hash
  from effect
  where key is not null
  order by namespace collate "C", key collate "C"
  on conflict do nothing
  returning task_id
),
refused as materialized (
  select append_id
  from effect
  where key is not null
    and task_id not in (select task_id from new_key)
),
journaled as (
  insert into tasker.journal (task_id, append_id, turn, events)
  select task_id, append_id, turn, convert_to(events, 'utf8')
  from turn_row
  where append_id not in (select append_id from refused)
  order by task_id
  on conflict do nothing
  returning append_id
),
done as materialized (
  select effect.*
  from effect
  left join journaled on journaled.append_id = effect.append_id
  where effect.append_id is null
    or journaled.append_id is not null
),
born as (
  insert into tasker.task (
    task_id, slot, namespace, workflow, version, definition_hash, tags,
    created_at, minted_apart,
    state, blocked_reason, resident, wake_at, ended_at, labels
  )
  select
    task_id, slot, namespace, workflow, version, definition_hash, tags,
    to_timestamp(created_ms / 1000.0), coalesce(minted_apart, false),
    state, blocked_reason, resident,
    to_timestamp(wake_ms / 1000.0), to_timestamp(ended_ms / 1000.0), coalesce(labels, '{}')
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
    blocked_reason = done.blocked_reason,
    resident = done.resident,
    wake_at = to_timestamp(done.wake_ms / 1000.0),
    ended_at = to_timestamp(done.ended_ms / 1000.0),
    labels = coalesce(done.labels, t.labels)
  from done
  where done.state is not null
    and done.key is null
    and t.task_id = done.task_id
  returning t.task_id, t.namespace, t.workflow, t.version, t.tags, t.labels, done.labels is not null as relabelled,
    coalesce(t.listed_state, nullif(t.state, 'running')) as listed_state
),
labelled as materialized (
  -- Tags and labels are listed under each state but running; a task that runs stays where it was
  -- listed last. A state of null: nowhere. Labels are marked, as in tasker.label_key.
  select task_id, namespace, workflow, version,
    '{}'::text[] as before, null as state_before,
    tags || array(select e'\x01' || label from unnest(labels) as of_labels (label)) as now, nullif(state, 'running') as state_now,
    '{}'::text[] as labels_before, coalesce(labels, '{}') as labels_now
  from done
  where key is not null
    and (tags <> '{}' or labels is not null)
  union all
  select c.task_id, c.namespace, c.workflow, c.version,
    b.tags || array(select e'\x01' || label from unnest(b.labels) as of_labels (label)), b.listed_state,
    c.tags || array(select e'\x01' || label from unnest(c.labels) as of_labels (label)), c.listed_state,
    b.labels, c.labels
  from changed c
  cross join lateral (
    -- Reads the row as it was before this statement; `limit 1` makes the planner use one index
    -- lookup.
    select tags, labels, coalesce(listed_state, nullif(state, 'running')) as listed_state
    from tasker.task
    where task_id = c.task_id
    limit 1
  ) b
  where (c.tags <> '{}' or c.relabelled)
    and (c.relabelled or c.listed_state is distinct from b.listed_state)
),
listed as (
  insert into tasker.task_by_tag (list_key, task_id, workflow_hash, version_hash)
  select distinct tasker.list_key(namespace, '', state_now, label), task_id,
    hashtext(workflow), hashtext(version)
  from labelled
  cross join lateral unnest(now) as of_task (label)
  where state_now is not null
    and (state_now is distinct from state_before or label <> all (before))
  on conflict do nothing
),
unlisted as (
  delete from tasker.task_by_tag t
  using labelled
  cross join lateral unnest(before) as of_task (label)
  where state_before is not null
    and (state_now is distinct from state_before or label <> all (now))
    and t.list_key = tasker.list_key(namespace, '', state_before, label)
    and t.task_id = labelled.task_id
),
valued as (
  insert into tasker.task_by_value (list_key, value, task_id)
  select tasker.list_key(namespace, workflow, '', split_part(label, '=', 1)),
    split_part(label, '=', 2)::float8, task_id
  from labelled
  -- A tag may be any text, also one that looks like a label.
  cross join lateral unnest(labels_now) as of_task (label)
  where label ~ '^[nt]:'
    and label <> all (labels_before)
  on conflict do nothing
),
taken as (
  delete from tasker.inbox i
  using (select slot, unnest(inbox) as command_id from done) c
  where i.slot = c.slot
    and i.command_id = c.command_id
),
sent as (
  insert into tasker.inbox (slot, command_id, command, wants_answer)
  select (s ->> 'slot')::int, s ->> 'commandId', (s -> 'command')::json, false
  from done
  cross join lateral jsonb_array_elements(sends) s
  on conflict do nothing
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
  (select count(*) from journaled)::int as inserted
