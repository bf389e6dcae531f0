-- Nodes and slots: who is alive, and who owns what.

-- One row a living process. Inserted when it joins, renewed by its polls, deleted by its leave or by
-- the node that takes over from it.
-- Law: nothing of an incarnation is written once its row is gone. Renewals change no key column, so
-- the key-share locks of appends and renewals do not wait for each other; a delete waits for both.
create table tasker.node (
  incarnation uuid primary key,
  name text not null,
  renewals bigint not null default 0,
  expires_at timestamptz not null
) with (fillfactor = 50);

-- The unit of ownership: 4,096 rows, never more or fewer. Moved by claims, releases and takeovers.
-- Law: every move raises the version by one and is a compare-and-set on it; so the sum of all
-- versions says whether anything moved, whatever the clocks say.
create table tasker.slot (
  slot int primary key check (slot between 0 and 4095),
  owner uuid,
  version bigint not null default 0
) with (fillfactor = 50);

insert into tasker.slot (slot)
select generate_series(0, 4095);
