-- Ends the backends of one connection by its exact name; repeated until none is left.
-- $1 application_name.
select pg_terminate_backend(pid)
from pg_stat_activity
where application_name = $1
