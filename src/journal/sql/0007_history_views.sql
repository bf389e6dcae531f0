-- Views over history, for people: kinds and steps by name, payloads as they are.

-- Names of the codec's event kinds, and where in an event of that kind its payload is.
create view tasker.event_kind as
select kind.number, kind.name, kind.payload_at
from (
  values
    (1, 'TaskStarted', 3),
    (2, 'StepStarted', null),
    (3, 'StepSlept', null),
    (4, 'StepCompleted', 5),
    (5, 'StepAttemptFailed', 7),
    (6, 'StepInterrupted', null),
    (7, 'StepFailed', 6),
    (8, 'StepParked', 8),
    (9, 'StepRetried', null),
    (10, 'StepResolved', 5),
    (11, 'StepSkipped', 5),
    (12, 'StepCancelled', null),
    (13, 'StepUnreached', null),
    (14, 'SignalReceived', 3),
    (15, 'TaskPaused', null),
    (16, 'TaskResumed', null),
    (17, 'TaskCancelRequested', null),
    (18, 'TaskAborted', null),
    (19, 'TaskPassivated', null),
    (20, 'TaskEnded', null)
) as kind (number, name, payload_at);

-- One row an event. Ask for one task: the whole journal is large.
-- `payload` is a result, an input, a signal's value, or a failure as [class, error]; `fields` is the
-- event as the codec wrote it.
create view tasker.task_event as
select
  j.task_id,
  j.turn,
  (e.position - 3)::int as number,
  to_timestamp(
    (
      -- A task id begins with its minting in ms; a row's base counts from there, an event from that.
      ('x' || left(replace(j.task_id::text, '-', ''), 12))::bit(48)::bigint
      + (row.value ->> 1)::bigint
      + (e.event ->> 1)::bigint
    ) / 1000.0
  ) as at,
  coalesce(k.name, e.event ->> 0) as kind,
  case
    when k.number between 2 and 14
    then d.body -> 'steps' -> (e.event ->> 2)::int ->> 'name'
  end as step_name,
  e.event -> k.payload_at as payload,
  e.event as fields
from tasker.journal j
cross join lateral (select convert_from(j.events, 'utf8')::jsonb as value) row
cross join lateral jsonb_array_elements(row.value) with ordinality e (event, position)
left join tasker.event_kind k on k.number = (e.event ->> 0)::int
left join tasker.task t on t.task_id = j.task_id
left join tasker.definition d on d.hash = t.definition_hash
where e.position > 3;
