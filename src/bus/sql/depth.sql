-- Counts the envelopes of one channel, up to a bound.
-- $1 channel, $2 the bound.
select count(*)::int as depth
from (
  select
  from tasker.bus_envelope
  where channel = $1
  limit $2
) e
