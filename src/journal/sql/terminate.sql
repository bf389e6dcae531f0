-- Ends backends by the beginning of their exact name; repeated until none is left.
select pg_terminate_backend(pid) as ended
from pg_stat_activity
where starts_with(application_name, $1)
  and pid <> pg_backend_pid()
