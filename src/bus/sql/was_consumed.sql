-- Whether a channel was ever consumed. $1 channel.
select exists (
  select from tasker.bus_channel
  where channel = $1
) as was
