-- Leaves a command for the owner of its slot.
-- $1 slot, $2 command id, $3 command as JSON, $4 whether the sender waits for an answer.
insert into tasker.inbox (slot, command_id, command, wants_answer)
values ($1, $2, $3::text::json, $4)
on conflict do nothing
