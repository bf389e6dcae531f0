-- Deployments: versions of workflows that came as documents, and which one a start takes.

-- Counts the entries of all workflows; nodes read it in each poll.
-- Law: a statement that adds an entry takes this row's lock before any other, so entries are seen in
-- the order of their numbers.
create table tasker.deployment_number (
  is_only boolean primary key default true check (is_only),
  number bigint not null
);

insert into tasker.deployment_number (number) values (0);

-- A deployment refers to what its version stands for.
create unique index workflow_hash
on tasker.workflow (namespace, name, version, hash);

-- Insert-only, by the node that takes the request.
-- Laws: the newest entry of a workflow names the version that a start without a version takes; an
-- entry with a text brings that version in, one without goes back to a version that an earlier entry
-- brought in; a version has one text. Only development removes one, to let a file have its version.
create table tasker.deployment (
  namespace text not null,
  name text not null,
  entry int not null check (entry > 0),
  number bigint not null unique,
  version text not null,
  hash text not null,
  text text,
  by_whom text not null check (by_whom <> ''),
  reason text not null check (reason <> ''),
  created_at timestamptz not null default now(),
  primary key (namespace, name, entry),
  foreign key (namespace, name, version, hash)
    references tasker.workflow (namespace, name, version, hash) on delete cascade
);

create unique index deployment_text
on tasker.deployment (namespace, name, version)
where text is not null;
