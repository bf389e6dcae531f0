-- Ends all backends of a node whose lease is over; repeated until none is left.
-- $1 its incarnation, $2 how its application_names begin, $3 whether the lease does not matter.
select pg_terminate_backend(a.pid)
from pg_stat_activity a
join tasker.node n
on n.incarnation = $1
  and (n.expires_at < now() or $3)
where starts_with(a.application_name, $2)
  and a.pid <> pg_backend_pid()
