-- Passivated tasks that are due, the earliest of each slot.
-- $1 slots, $2 wake-up times and $3 ids after which to go on in them, side by side; $4 how many of
-- each slot at most. What comes again and again without being woken so keeps no other from its turn.
select t.task_id, t.wake_at::text as wake_at
from unnest($1::int[], $2::text[]::timestamptz[], $3::uuid[]) as place (slot, wake_at, task_id)
cross join lateral (
  select task_id, wake_at
  from tasker.task
  where slot = place.slot
    and wake_at <= now()
    and (wake_at, task_id) > (place.wake_at, place.task_id)
    and not resident
    and ended_at is null
  order by wake_at, task_id
  limit $4
) t
