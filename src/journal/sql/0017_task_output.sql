-- The end of a task has a payload: its output.

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
    (20, 'TaskEnded', 4)
) as kind (number, name, payload_at);
