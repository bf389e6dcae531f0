-- A new kind of event: a person chose how a parked step goes on.

create or replace view tasker.event_kind as
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
    (20, 'TaskEnded', 4),
    (21, 'StepChosen', null)
) as kind (number, name, payload_at);

-- As before, with the step's name of that kind.
create or replace view tasker.task_event as
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
    when k.number between 2 and 14 or k.number = 21
    then d.body -> 'steps' -> (e.event ->> 2)::int ->> 'name'
  end as step_name,
  e.event -> k.payload_at as payload,
  e.event as fields
from tasker.journal j
cross join lateral (select tasker.row_json(j.events) as value) row
left join lateral jsonb_array_elements(row.value) with ordinality e (event, position) on true
left join tasker.event_kind k on k.number = (e.event ->> 0)::int
left join tasker.task t on t.task_id = j.task_id
left join tasker.definition d on d.hash = t.definition_hash
where e.position > 3
  or e.position is null;
