-- Removes envelopes that are too old for anybody to wait for them, of all channels.
-- $1 the first id that stays, $2 how many at most.
delete from tasker.bus_envelope
where (channel, id) in (
  select channel, id
  from tasker.bus_envelope
  where id < $1
  limit $2
)
