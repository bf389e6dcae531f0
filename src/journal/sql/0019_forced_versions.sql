-- New versions of workflows that a person let in although they break others.

-- Inserted by the node that loads the version, never changed. Law: a version that breaks others is
-- loaded only together with its row here, which says who decided that, when, why, and what breaks.
create table tasker.forced_version (
  namespace text not null,
  name text not null,
  version text not null,
  forced_by text not null check (forced_by <> ''),
  reason text not null check (reason <> ''),
  breaks text[] not null,
  forced_at timestamptz not null default now(),
  primary key (namespace, name, version)
);
