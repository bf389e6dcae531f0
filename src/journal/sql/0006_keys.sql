-- Keys and dead letters.

-- API keys. Inserted and deleted through the API.
-- Law: the key itself is never stored, only its SHA-256; of several first keys one gets in.
create table tasker.api_key (
  id text primary key,
  hash text not null unique,
  name text not null,
  scopes text[] not null,
  namespaces text[] not null,
  created_at timestamptz not null,
  expires_at timestamptz,
  is_first boolean not null default false
);

create unique index api_key_first
on tasker.api_key (is_first)
where is_first;

-- Keys that sign reply tokens. Inserted by the first node that needs one.
create table tasker.reply_key (
  kid text primary key,
  secret text not null,
  created_at timestamptz not null default now()
);

-- Envelopes nobody could use. Inserted by the bus, deleted when a person replays or discards them.
-- Law: ids are in the order of time.
create table tasker.dead_letter (
  id uuid primary key,
  channel text not null,
  reason text not null,
  body text not null,
  created_at timestamptz not null
);
