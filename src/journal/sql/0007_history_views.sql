-- Views over history, for people: kinds and steps by name, payloads as they are.

-- Names of the codec's event kinds.
create view tasker.event_kind as
select *
from (values
  (1, 'TaskStarted'), (2, 'StepStarted'), (3, 'StepSlept'), (4, 'StepCompleted'),
  (5, 'StepAttemptFailed'), (6, 'StepInterrupted'), (7, 'StepFailed'), (8, 'StepParked'),
  (9, 'StepRetried'), (10, 'StepResolved'), (11, 'StepSkipped'), (12, 'StepCancelled'),
  (13, 'StepUnreached'), (14, 'SignalReceived'), (15, 'TaskPaused'), (16, 'TaskResumed'),
  (17, 'TaskCancelRequested'), (18, 'TaskAborted'), (19, 'TaskPassivated'), (20, 'TaskEnded')
) as kind (number, name);

-- One row an event, in the order of their turns. Ask for one task: the whole journal is large.
create view tasker.task_event as
select
  j.task_id,
  j.turn,
  (e.position - 3)::int as number,
  to_timestamp(((row.value ->> 1)::bigint + (e.event ->> 1)::bigint) / 1000.0) as at,
  k.name as kind,
  case
    when (e.event ->> 0)::int between 2 and 14
    then d.body -> 'steps' -> (e.event ->> 2)::int ->> 'name'
  end as step_name,
  case (e.event ->> 0)::int
    when 1 then e.event -> 3
    when 4 then e.event -> 5
    when 5 then e.event -> 6
    when 7 then e.event -> 6
    when 8 then e.event -> 9
    when 10 then e.event -> 5
    when 11 then e.event -> 5
    when 14 then e.event -> 3
  end as payload,
  e.event as fields
from tasker.journal j
join tasker.task t using (task_id)
join tasker.definition d on d.hash = t.definition_hash
cross join lateral (select convert_from(j.events, 'utf8')::jsonb as value) row
cross join lateral jsonb_array_elements(row.value) with ordinality e (event, position)
join tasker.event_kind k on k.number = (e.event ->> 0)::int
where e.position > 3
  and jsonb_typeof(e.event) = 'array';
