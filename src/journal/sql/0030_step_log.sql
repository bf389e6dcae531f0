-- Log lines of step code, kept with their attempt.

-- One row a line. Inserted by the node that runs the attempt, soon after the line; deleted with the
-- task. A line may be lost with its node: it is no part of the journal.
-- Law: what is left out of an attempt is counted by its last row, whose `text` is ''.
create table tasker.step_log (
  task_id uuid not null,
  step_name text not null,
  attempt int not null,
  number int not null,
  at timestamptz not null,
  text text not null,
  -- JSON of the line's fields, or ''.
  fields text not null,
  dropped int not null,
  primary key (task_id, step_name, attempt, number)
);
