-- Systems: instances of other systems that have registered, and what they offer.

-- Counts the changes that nodes have to learn of; they read it in each poll.
-- Law: a statement that changes what a node has to know takes this row's lock before any other, so
-- changes are seen in the order of their numbers.
create table tasker.system_version (
  is_only boolean primary key default true check (is_only),
  version bigint not null
);

insert into tasker.system_version (version) values (0);

-- Written by the node that takes a registration, a result of a health check, or the end of a lease.
-- Law: a renewal changes `expires_at` alone, without a number, and nodes do not hear of it.
-- A few thousand rows at most. No index holds `expires_at`, so renewals write no index entries.
create table tasker.system_instance (
  system text not null collate "C",
  instance text not null collate "C",
  -- A manifest declares it, in the namespaces named.
  is_declared boolean not null,
  version text not null,
  capabilities jsonb not null,
  -- Of the capabilities: many instances have the same, and a node reads them once.
  digest text not null,
  bytes int not null check (bytes >= 0),
  health_url text,
  namespaces text[] not null,
  state text not null check (state in ('healthy', 'unhealthy', 'gone')),
  -- Why it is in this state.
  detail text not null default '',
  since timestamptz not null default now(),
  lease_ms int not null check (lease_ms > 0),
  expires_at timestamptz not null,
  primary key (system, instance)
) with (fillfactor = 50);
