-- Dead letters: which system they are of, how they came, and how often.

-- Law: a key sees the letters of its systems; `kind` is reply, inbound or command.
alter table tasker.dead_letter
  add column system text not null default '',
  add column kind text not null default '',
  add column deliveries integer not null default 1,
  add column envelope_id text;

-- Channels are named `<prefix>.<kind>.<system>`.
update tasker.dead_letter
set system = substring(channel from '[^.]+$'),
  kind = case split_part(reverse(channel), '.', 2) when 'ylper' then 'reply' else 'inbound' end;

-- Counts and pages of one system read no bodies.
create index dead_letter_system
on tasker.dead_letter (system, id);
