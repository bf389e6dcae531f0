-- Inserts the row of a node that starts; repeated, it renews it.
-- $1 incarnation, $2 name, $3 the newest event format that it reads; $4 its bus; $5 its version.
insert into tasker.node (incarnation, name, format, bus, version, expires_at)
values ($1, $2, $3, $4, $5, now() + interval '10 seconds')
on conflict (incarnation) do update
set expires_at = excluded.expires_at, renewals = node.renewals + 1
returning incarnation
