-- The journal: every task's turns, never rewritten.

-- One row a turn. Insert-only, by the owner of the task's slot.
-- Law: a turn goes in whole or not at all, and only once. `events` is UTF-8 JSON of the codec.
-- Partitions are ranges of task_id, which begins with the time of its making; the default one is
-- there so that a row always has a place.
create table tasker.journal (
  task_id uuid not null,
  turn int not null check (turn > 0),
  append_id uuid not null,
  events bytea not null,
  primary key (task_id, turn)
) partition by range (task_id);

create table tasker.journal_default partition of tasker.journal default;
