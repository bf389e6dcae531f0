-- Leaves commands for the owners of their slots.
-- $1 slots, $2 command ids, $3 commands as JSON, $4 1 where the sender waits for an answer.
-- Locks: rows of the inbox, sorted, so that two nodes which send the same commands do not deadlock.
insert into tasker.inbox (slot, command_id, command, wants_answer)
select slot, command_id, command::json, wants_answer = 1
from unnest($1::int[], $2::text[], $3::text[], $4::int[])
  as x (slot, command_id, command, wants_answer)
order by slot, command_id collate "C"
on conflict do nothing
