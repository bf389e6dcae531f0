-- Nodes and slots: who is alive, and who owns what.

-- One row a living process. Written by its own renewals; deleted by its leave or a takeover.
-- Law: nothing of an incarnation is written once its row is gone. Renewals change no key column,
-- so that the appends' key-share locks do not wait for them.
create table tasker.node (
  incarnation uuid primary key,
  name text not null,
  renewals bigint not null default 0,
  expires_at timestamptz not null
) with (fillfactor = 50);

-- The unit of ownership: 4,096 rows, never more or fewer.
-- Law: every move raises the version, by compare-and-set on it.
create table tasker.slot (
  slot int primary key check (slot between 0 and 4095),
  owner uuid,
  version bigint not null default 0,
  changed_at timestamptz not null default now()
) with (fillfactor = 50);

insert into tasker.slot (slot)
select generate_series(0, 4095);
