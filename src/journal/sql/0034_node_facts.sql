-- What a node says of itself for people: its version, and when it joined. Null: a version before joined.

alter table tasker.node
add column version text,
add column joined_at timestamptz;

alter table tasker.node
alter column joined_at set default now();
