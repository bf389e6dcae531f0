-- Publishes envelopes to one channel.
-- $1 channel, $2 ids, $3 bodies, between characters U+001F, which no JSON holds.
insert into tasker.bus_envelope (channel, id, body)
select $1, x.id, x.body
from unnest($2::uuid[], string_to_array($3, e'\x1f')) as x (id, body)
