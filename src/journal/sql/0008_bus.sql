-- The bus, where Postgres is the bus.

-- Envelopes that were published and are not handled. Inserted by who publishes, leased by who
-- consumes, deleted when they are handled, or are too old for anybody to wait for them.
-- Law: until `visible_at` an envelope is its consumer's alone; `deliveries` tells one consumer's
-- lease from the next. Ids are in the order of publishing, so a channel is read in it.
-- No index holds what a lease changes: claims write no index entries and need no vacuum of them.
create table tasker.bus_envelope (
  channel text not null collate "C",
  id uuid not null,
  visible_at timestamptz not null default now(),
  deliveries int not null default 0 check (deliveries >= 0),
  body text not null,
  primary key (channel, id)
) with (
  fillfactor = 50,
  -- A queue is small and all of it is soon dead: its vacuum is cheap, and must not wait for a share
  -- of a table that was large once.
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 2000
);
