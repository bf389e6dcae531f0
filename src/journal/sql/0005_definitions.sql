-- Definitions and policies.

-- Bodies by hash, so that any node can decide any task. Insert-only.
create table tasker.definition (
  hash text primary key,
  body jsonb not null,
  created_at timestamptz not null default now()
);

-- Names and versions. Law: a version stands for one hash, for ever.
create table tasker.workflow (
  namespace text not null,
  name text not null,
  version text not null,
  hash text not null references tasker.definition (hash),
  primary key (namespace, name, version)
);

-- Policy overlays. Insert-only; the highest version is in force.
create table tasker.policy (
  namespace text not null,
  workflow text not null,
  version int not null check (version > 0),
  by_whom text not null,
  reason text not null,
  created_at timestamptz not null default now(),
  steps jsonb not null,
  primary key (namespace, workflow, version)
);
