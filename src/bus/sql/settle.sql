-- Removes envelopes that were handled, of any channels. Repeated, or late, it removes what is left.
-- $1 channels, $2 ids, side by side.
delete from tasker.bus_envelope e
using unnest($1::text[], $2::uuid[]) as x (channel, id)
where e.channel = x.channel
  and e.id = x.id
