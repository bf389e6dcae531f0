-- Wakes the consumers of channels. A transaction of its own: a NOTIFY takes a lock of the whole
-- server.
-- $1 the channel of Postgres, $2 ours.
select pg_notify($1, c.channel)
from unnest($2::text[]) as c (channel)
