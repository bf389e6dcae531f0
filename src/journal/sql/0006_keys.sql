-- Keys and dead letters.

-- API keys. Law: the key itself is never stored, only its SHA-256.
create table tasker.api_key (
  id text primary key,
  hash text not null unique,
  name text not null,
  scopes text[] not null,
  namespaces text[] not null,
  created_at timestamptz not null,
  expires_at timestamptz
);

-- Keys that sign reply tokens, made by the first node that needs one.
create table tasker.reply_key (
  kid text primary key,
  secret text not null,
  created_at timestamptz not null default now()
);

-- Envelopes nobody could use, kept until a person replays or discards them.
create table tasker.dead_letter (
  id uuid primary key default gen_random_uuid(),
  channel text not null,
  reason text not null,
  body text not null,
  created_at timestamptz not null default now()
);

create index dead_letter_age on tasker.dead_letter (created_at, id);
