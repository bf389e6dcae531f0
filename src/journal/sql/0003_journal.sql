-- The journal: every task's turns, never rewritten.

-- One row a turn. Insert-only, by the owner of the task's slot; goes by whole partitions.
-- Law: a turn goes in whole or not at all, and only once. `events` is UTF-8 JSON of the codec.
-- Partitions are ranges of task_id, which begins with the time of its minting.
create table tasker.journal (
  task_id uuid not null,
  append_id uuid not null,
  turn int not null check (turn > 0),
  events bytea not null,
  primary key (task_id, turn)
) partition by range (task_id);

-- A row always has a place, whatever the clock says and whether partitions were made in time.
create table tasker.journal_default
partition of tasker.journal default;
