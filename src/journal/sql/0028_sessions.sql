-- Sessions: people who are signed in to the web app, and links that sign in once.

-- Inserted by sign-ins, deleted by sign-outs; what has expired is deleted by the next sign-in.
-- Law: a session ends with its key. No cookie and no link is stored, only its SHA-256.
create table tasker.session (
  hash text primary key,
  is_link boolean not null,
  api_key_id text references tasker.api_key (id) on delete cascade,
  -- Who signed in at the identity provider, and what they may do. Null: the key says both.
  person jsonb,
  expires_at timestamptz not null,
  check ((api_key_id is null) <> (person is null))
);

-- A key that is removed takes its sessions with it.
create index session_key
on tasker.session (api_key_id);

create index session_expiry
on tasker.session (expires_at);
