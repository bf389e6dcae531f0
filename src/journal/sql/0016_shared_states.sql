-- What nodes know of a system, or of one of its capabilities, together: shares of its limits, and its
-- circuit. Written by compare-and-set. One row for each that has a limit or had an open circuit.
create table tasker.shared_state (
  key text primary key,
  version bigint not null,
  state json not null
) with (fillfactor = 50);
