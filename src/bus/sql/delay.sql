-- Lets envelopes come again, or prolongs their leases: after so many ms from now.
-- $1 channels, $2 ids, $3 deliveries, $4 ms, side by side. Whose lease has ended since, and was
-- delivered to another, is not touched.
update tasker.bus_envelope e
set visible_at = now() + x.ms * interval '1 millisecond'
from unnest($1::text[], $2::uuid[], $3::int[], $4::float8[]) as x (channel, id, deliveries, ms)
where e.channel = x.channel
  and e.id = x.id
  and e.deliveries = x.deliveries
