-- The audit: who called what, and what came of it.

-- One row for each call that may change something. Insert-only, by the node that takes the call, after
-- its answer; rows that are too old are removed. It holds no payloads.
-- Law: a row that is inserted again is the same row.
create table tasker.audit (
  -- Carries the time of the call, so rows are in its order.
  id uuid primary key,
  key_id text not null,
  by_whom text not null,
  -- What the client says that it is, with the tool that was called.
  agent text not null,
  operation text not null,
  -- The scope that the operation asks for.
  scope text not null,
  target text not null,
  -- `done`, `unchanged`, or the code of the error.
  outcome text not null,
  dry_run boolean not null,
  -- The command that undoes it.
  undo text
);
