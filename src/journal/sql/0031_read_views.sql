-- Views for people and tools that read with SQL; see docs/sql.md. Their names and columns stay: a new
-- version adds columns at the end, or views. Who may read them is for the owner of the database to grant.
-- Law: no view of tasker_read holds a payload, a message of an error, or a secret. Payloads are in the
-- schema tasker_payload alone, as they are.

create schema tasker_read;

create schema tasker_payload;

-- The first id that a task created then may have: a range of ids is a range of the primary keys.
create function tasker_read.id_at(at timestamptz) returns uuid
language sql immutable strict parallel safe
return (lpad(to_hex(floor(extract(epoch from at) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;

-- A code that is a word. What else others write there may hold anything.
create function tasker.error_code(error jsonb) returns text
language sql immutable parallel safe
return (
  select case
    when code ~* '^([\w.:-]{1,16}|[a-z_.:-]{1,60})$' then code
    when code is not null then '(hidden)'
  end
  from coalesce(error ->> 'error_code', error ->> 'code') as code
);

-- Search attributes as one object; times as ISO 8601.
create function tasker.label_attributes(labels text[]) returns jsonb
language sql stable parallel safe
return (
  select coalesce(
    jsonb_object_agg(
      part[2],
      case part[1]
        when 'n' then to_jsonb(part[3]::float8)
        when 't' then to_jsonb(to_timestamp(part[3]::float8 / 1000.0))
        else to_jsonb(part[3])
      end
    ),
    '{}'
  )
  from unnest(labels) as of_task (label)
  cross join lateral regexp_match(label, '^([knt]):([^=]+)=(.*)$') as part
  where part is not null
);

-- The names of steps by their numbers, read once for each definition.
create view tasker.definition_steps as
select
  d.hash,
  array(
    select step ->> 'name'
    from json_array_elements(d.body -> 'steps') with ordinality as of_definition (step, number)
    order by number
  ) as names
from tasker.definition d;

-- One row an event, as the codec wrote it; a row that cannot be read at all is one event without a kind.
create view tasker.journal_event as
select
  j.task_id,
  j.turn,
  (e.position - 3)::int as number,
  to_timestamp(
    (
      ('x' || left(replace(j.task_id::text, '-', ''), 12))::bit(48)::bigint
      + (row.value ->> 1)::bigint
      + (e.event ->> 1)::bigint
    ) / 1000.0
  ) as at,
  (e.event ->> 0)::int as kind,
  case
    when (e.event ->> 0)::int between 2 and 14 or (e.event ->> 0)::int = 21
    then (e.event ->> 2)::int
  end as step,
  e.event as fields
from tasker.journal j
cross join lateral (select tasker.row_json(j.events) as value) row
left join lateral jsonb_array_elements(row.value) with ordinality e (event, position) on true
where e.position > 3
  or e.position is null;

create view tasker_read.tasks as
select
  t.task_id,
  t.namespace,
  t.workflow,
  t.version,
  t.state,
  t.blocked_reason,
  t.tags,
  tasker.label_attributes(t.labels) as attributes,
  array(select substr(label, 6) from unnest(t.labels) label where label like 'step:%') as failed_steps,
  array(select substr(label, 8) from unnest(t.labels) label where label like 'parked:%') as parked_steps,
  array(select substr(label, 6) from unnest(t.labels) label where label like 'code:%') as error_codes,
  array(select substr(label, 7) from unnest(t.labels) label where label like 'needs:%') as needs,
  coalesce(
    (select substr(label, 10)::int from unnest(t.labels) label where label like 'priority:%' limit 1),
    3
  ) as priority,
  t.created_at,
  t.ended_at,
  t.ended_at - t.created_at as took
from tasker.task t
where t.namespace <> 'tasker';

comment on view tasker_read.tasks
is 'One row a task. Tasks of Tasker itself are left out';

create view tasker_read.events as
select
  e.task_id,
  t.namespace,
  t.workflow,
  e.turn,
  e.number,
  e.at,
  coalesce(k.name, e.kind::text) as kind,
  s.names[e.step + 1] as step_name,
  case when e.kind between 2 and 8 and e.kind <> 3 then (e.fields ->> 3)::int end as attempt,
  case
    when e.kind in (9, 10, 11, 21) then e.fields ->> 3
    when e.kind in (15, 16, 17) then e.fields ->> 2
  end as by_whom,
  case when e.kind = 20 then e.fields ->> 2 end as task_end
from tasker.journal_event e
join tasker.task t on t.task_id = e.task_id and t.namespace <> 'tasker'
left join tasker.event_kind k on k.number = e.kind
left join tasker.definition_steps s on s.hash = t.definition_hash;

comment on view tasker_read.events
is 'One row an event of a journal, without its payload. Ask for a task or a range of ids';

-- An attempt begins with StepStarted, and the next event of its step that ends attempts is its end.
create view tasker_read.attempts as
select
  a.task_id,
  t.namespace,
  t.workflow,
  t.version,
  s.names[a.step + 1] as step_name,
  (a.fields ->> 3)::int as attempt,
  a.at as started_at,
  a.end_at as ended_at,
  (a.fields ->> 4)::float8 as waited_ms,
  extract(epoch from a.end_at - a.at)::float8 * 1000 as ran_ms,
  case
    when a.end_kind is null then null
    when a.end_kind = 4 and a.end_fields ->> 3 = a.fields ->> 3 then 'completed'
    when a.end_kind = 5 then a.end_fields -> 7 ->> 0
    when a.end_kind = 6 then 'interrupted'
    when a.end_kind = 7 then a.end_fields -> 6 ->> 0
    when a.end_kind = 8 then a.end_fields -> 8 ->> 0
    else 'cancelled'
  end as outcome,
  tasker.error_code(
    case a.end_kind
      when 5 then a.end_fields -> 7 -> 1
      when 7 then a.end_fields -> 6 -> 1
      when 8 then a.end_fields -> 8 -> 1
    end
  ) as error_code,
  a.fields ->> 7 as system,
  case a.end_kind
    when 4 then a.end_fields ->> 6
    when 5 then a.end_fields ->> 8
    when 7 then a.end_fields ->> 7
    when 8 then a.end_fields ->> 9
  end as instance,
  (a.fields ->> 5)::int as policy_version
from (
  select
    e.task_id, e.turn, e.number, e.step, e.at, e.kind, e.fields,
    lead(e.kind) over later as end_kind,
    lead(e.at) over later as end_at,
    lead(e.fields) over later as end_fields
  from tasker.journal_event e
  where e.kind in (2, 4, 5, 6, 7, 9, 10, 11, 12)
    or (e.kind = 8 and jsonb_typeof(e.fields -> 8) = 'array')
  window later as (partition by e.task_id, e.step order by e.turn, e.number)
) a
join tasker.task t on t.task_id = a.task_id and t.namespace <> 'tasker'
left join tasker.definition_steps s on s.hash = t.definition_hash
where a.kind = 2;

comment on view tasker_read.attempts
is 'One row an attempt of a step; sleeps and signals are attempts as well. Ask for a task or a range of ids';

create view tasker_read.steps as
select
  t.task_id,
  t.namespace,
  t.workflow,
  t.version,
  step.number - 1 as number,
  step.value ->> 'name' as step_name,
  step.value ->> 'kind' as kind,
  step.value ->> 'owner' as owner,
  case
    when last.kind is null then 'pending'
    when last.kind in (2, 3) and step.value ->> 'kind' in ('local', 'http') then 'running'
    when last.kind in (2, 3) then 'waiting_for_reply'
    when last.kind = 4 then 'completed'
    when last.kind in (5, 6, 9) then 'waiting_for_retry'
    when last.kind = 7 then 'failed'
    when last.kind = 8 then 'parked'
    when last.kind = 10 then 'resolved_manually'
    when last.kind = 11 then 'skipped'
    when last.kind = 12 then 'cancelled'
    when last.kind = 13 then 'unreached'
  end as state,
  last.attempts,
  last.started_at,
  last.at as changed_at
from tasker.task t
join tasker.definition d on d.hash = t.definition_hash
cross join lateral json_array_elements(d.body -> 'steps') with ordinality as step (value, number)
left join lateral (
  select distinct on (e.step)
    e.step,
    e.kind,
    e.at,
    max((e.fields ->> 3)::int) filter (where e.kind = 2) over of_step as attempts,
    min(e.at) filter (where e.kind = 2) over of_step as started_at
  from tasker.journal_event e
  where e.task_id = t.task_id
    and (e.kind between 2 and 13)
  window of_step as (partition by e.step)
  order by e.step, e.turn desc, e.number desc
) last on last.step = step.number - 1
where t.namespace <> 'tasker';

comment on view tasker_read.steps
is 'One row for each step of a task, in the state that its journal says. Ask for a task or a range of ids';

create view tasker_read.workflows as
select
  w.namespace,
  w.name as workflow,
  w.version,
  w.hash,
  json_array_length(d.body -> 'steps') as steps,
  d.created_at
from tasker.workflow w
join tasker.definition d on d.hash = w.hash
where w.namespace <> 'tasker';

create view tasker_read.deployments as
select namespace, name as workflow, entry, version, by_whom, reason, created_at
from tasker.deployment;

create view tasker_read.policies as
select namespace, workflow, version, by_whom, reason, created_at, steps as changes, canary
from tasker.policy
where namespace <> 'tasker';

-- What an incident knows is in its journal, as any task's results.
create view tasker_read.incidents as
select
  t.task_id as incident_id,
  i.input -> 'degradation' ->> 'workflow' as workflow,
  i.input -> 'degradation' ->> 'step' as step_name,
  i.input -> 'degradation' ->> 'signal' as signal,
  (i.input ->> 'number')::int as number,
  t.created_at as started_at,
  i.results -> 'diagnose' ->> 'failureType' as failure_type,
  (i.results -> 'diagnose' ->> 'confidence')::float8 as confidence,
  i.results -> 'propose' ->> 'chosen' as proposal,
  (i.results -> 'apply' ->> 'isApplied')::boolean as is_applied,
  coalesce(i.results -> 'release', i.results -> 'conclude') ->> 'outcome' as outcome,
  to_timestamp(
    (coalesce(i.results -> 'release', i.results -> 'conclude') ->> 'atMs')::float8 / 1000.0
  ) as concluded_at,
  t.state as task_state
from tasker.task t
left join tasker.definition_steps s on s.hash = t.definition_hash
cross join lateral (
  select
    jsonb_path_query_first(jsonb_agg(e.fields -> 3) filter (where e.kind = 1), '$[0]') as input,
    jsonb_object_agg(s.names[e.step + 1], e.fields -> 5) filter (where e.kind in (4, 10)) as results
  from tasker.journal_event e
  where e.task_id = t.task_id
) i
where t.namespace = 'tasker'
  and t.workflow = 'incident';

create view tasker_read.audit as
select
  id as call_id,
  to_timestamp(('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint / 1000.0) as at,
  key_id, by_whom, agent, operation, scope, target, outcome, dry_run
from tasker.audit;

create view tasker_read.dead_letters as
select id as letter_id, system, kind, channel, deliveries, length(body) as body_length, created_at
from tasker.dead_letter;

create view tasker_read.systems as
select system, instance, version, state, since, expires_at, is_declared, capabilities
from tasker.system_instance;

create view tasker_payload.events as
select
  e.task_id,
  e.turn,
  e.number,
  e.at,
  k.name as kind,
  s.names[e.step + 1] as step_name,
  e.fields -> k.payload_at as payload
from tasker.journal_event e
left join tasker.event_kind k on k.number = e.kind
left join tasker.task t on t.task_id = e.task_id
left join tasker.definition_steps s on s.hash = t.definition_hash
where k.payload_at is not null;

comment on view tasker_payload.events
is 'Inputs, results, signals and failures as they are: with what contracts mark with writeOnly';
