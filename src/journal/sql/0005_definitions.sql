-- Definitions and policies: small tables that every node reads. Bodies are json, not jsonb: people
-- get the order of fields in which they were written.

-- Bodies by hash, so that any node can decide any task. Written by the registry of any node.
-- Law: the hash covers all of a body but its policies, which the newest writer sets.
create table tasker.definition (
  hash text primary key,
  body json not null,
  created_at timestamptz not null default now()
);

-- Names and versions. Insert-only, by the registry.
-- Law: a version stands for one hash, for ever.
create table tasker.workflow (
  namespace text not null,
  name text not null,
  version text not null,
  hash text not null references tasker.definition (hash),
  primary key (namespace, name, version)
);

-- Policy overlays. Insert-only, by people and programs through the API; the highest version is in
-- force.
create table tasker.policy (
  namespace text not null,
  workflow text not null,
  version int not null check (version > 0),
  by_whom text not null,
  reason text not null,
  created_at timestamptz not null,
  steps json not null,
  primary key (namespace, workflow, version)
);
