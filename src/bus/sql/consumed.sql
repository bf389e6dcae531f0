-- Notes that a channel is consumed. $1 channel.
insert into tasker.bus_channel (channel)
values ($1)
on conflict do nothing
