-- Finds in which channels an envelope waits for a consumer.
-- $1 channels.
select c.channel
from unnest($1::text[]) as c (channel)
where exists (
  select
  from tasker.bus_envelope e
  where e.channel = c.channel
    and e.visible_at <= now()
)
