-- Tasks: what lists and recovery need of each, beside its journal.

-- One row a task. Inserted with its first turn, updated by turns that change what it says, deleted
-- by retention.
-- Law: resident = a node has to hold the task in memory; only a passivating turn clears it.
create table tasker.task (
  task_id uuid primary key,
  slot int not null,
  namespace text not null,
  workflow text not null,
  version text not null,
  definition_hash text not null,
  state text not null check (
    state in ('running', 'waiting', 'blocked', 'paused', 'completed', 'failed', 'cancelled')
  ),
  blocked_reason text,
  resident boolean not null,
  wake_at timestamptz,
  tags text[] not null,
  created_at timestamptz not null,
  ended_at timestamptz,
  check ((ended_at is not null) = (state in ('completed', 'failed', 'cancelled')))
) with (fillfactor = 80);

-- Takeover and claims read the living residents of slots.
create index task_resident
on tasker.task (slot)
where resident and ended_at is null;

-- Polls read what is due in their slots. The slot comes first: what is due in slots of other nodes
-- costs nothing, however much of it there is.
create index task_wake
on tasker.task (slot, wake_at)
where wake_at is not null and not resident and ended_at is null;

-- Lists are newest first, and ids are in the order of their making: the primary key serves most.
create index task_workflow
on tasker.task (namespace, workflow, task_id);

-- What needs a person is rare among many.
create index task_attention
on tasker.task (state, task_id)
where state in ('blocked', 'paused', 'failed');

-- Identities. Inserted by the statement that records TaskStarted, deleted with the task.
-- Law: a key belongs to one task of its namespace for as long as that task is kept.
create table tasker.task_key (
  namespace text not null collate "C",
  key text not null collate "C",
  task_id uuid not null,
  body_hash text not null,
  primary key (namespace, key)
);

-- Retention deletes the keys of a range of tasks.
create index task_key_task
on tasker.task_key (task_id);
