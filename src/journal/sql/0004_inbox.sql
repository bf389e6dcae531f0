-- What travels between nodes.

-- Commands for a slot that another node owns. Inserted by the node that took the command, deleted by
-- the flush that records or refuses it.
create table tasker.inbox (
  slot int not null,
  command_id text not null,
  command json not null,
  wants_answer boolean not null,
  created_at timestamptz not null default now(),
  primary key (slot, command_id)
) with (fillfactor = 50);

-- Answers to them. Inserted by that flush, deleted by the sender who takes it, or when it is old.
create table tasker.answer (
  command_id text primary key,
  body text not null,
  created_at timestamptz not null default now()
) with (fillfactor = 50);
