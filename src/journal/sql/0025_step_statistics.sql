-- Statistics: what attempts and tasks did, counted by each node and interval.

-- One row for each workflow in an interval of a node: about its steps, or about its tasks. A node
-- inserts each interval once and changes none. Old rows are replaced by one for a longer interval, and
-- removed when they are no longer kept.
-- Law: an attempt is counted in one row; a row that is inserted again is the same row.
create table tasker.step_statistics (
  -- `namespace/name`
  workflow text not null collate "C",
  -- Unix ms; the interval in which it was counted.
  from_ms bigint not null,
  until_ms bigint not null,
  -- Which process wrote it, and its number there; merged rows have numbers below 0.
  writer uuid not null,
  number int not null,
  of_steps boolean not null,
  -- The tier: for how long an interval it stands.
  every_ms bigint not null,
  -- JSON: one array for each version, step and policy version.
  body text not null,
  primary key (workflow, from_ms, writer, number, of_steps)
) with (
  autovacuum_vacuum_scale_factor = 0.05,
  toast.autovacuum_vacuum_scale_factor = 0.05
);

-- Overviews read whole tasks of all workflows, by time.
create index step_statistics_tasks
on tasker.step_statistics (from_ms, workflow, writer, number)
where not of_steps;
