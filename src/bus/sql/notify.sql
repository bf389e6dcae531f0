-- Wakes the consumers of channels. A transaction of its own, that waits for no disk: a NOTIFY holds
-- a lock of the whole server until it is committed.
-- $1 the channel of Postgres, $2 ours.
with unsynced as materialized (
  select set_config('synchronous_commit', 'off', true)
)
select pg_notify($1, c.channel)
from unnest($2::text[]) as c (channel)
cross join unsynced
