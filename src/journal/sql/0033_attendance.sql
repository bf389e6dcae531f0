-- When servers looked after incidents.

-- One row a span without a gap; its nodes extend it at each look while an incident is open. Spans are
-- removed after 30 days. Between two of them no server ran, or none reached the database.
create table tasker.attendance (
  from_ms bigint primary key,
  until_ms bigint not null
) with (fillfactor = 50);
