-- The channels that somebody has consumed, where Postgres is the bus.

-- Inserted by who consumes, never changed. Law: a system whose channel is missing has never had a
-- worker, so its steps wait for one instead of running into their time-outs.
create table tasker.bus_channel (
  channel text primary key collate "C",
  consumed_at timestamptz not null default now()
);
