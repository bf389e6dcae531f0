-- Tasks: what lists and recovery need of each, beside its journal.

-- One row a task. Inserted with its first turn, updated only by turns that change what it says.
-- Law: resident = some node has to hold the task in memory; only a passivating turn clears it.
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
  check ((ended_at is not null) = (state in ('completed', 'failed', 'cancelled'))),
  check (resident or ended_at is null)
) with (fillfactor = 80);

-- Takeover reads the living residents of slots.
create index task_resident on tasker.task (slot) where resident and ended_at is null;

-- Polls read what is due.
create index task_wake on tasker.task (wake_at) where wake_at is not null and not resident;

-- Lists, newest first: ids are in the order of their making.
create index task_workflow on tasker.task (namespace, workflow, task_id);

-- Identities. Written by the statement that records TaskStarted.
-- Law: a key belongs to one task of its namespace for as long as that task is kept.
create table tasker.task_key (
  namespace text not null,
  key text not null collate "C",
  task_id uuid not null,
  body_hash text not null,
  primary key (namespace, key)
);

create index task_key_task on tasker.task_key (task_id);
