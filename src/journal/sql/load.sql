-- The next turns of some tasks, in order, as far as they fit; the first always does. Lateral, so
-- that each task is a range of the primary key whatever statistics say. The length of a row stored
-- out of line is known without reading it, so what does not fit costs little.
-- $1 task ids; $2 the turn of each after which to go on; $3 turns of a task at most; $4 bytes at most.
with found as materialized (
  select asked.place, j.turn, j.append_id, j.events
  from unnest($1::uuid[], $2::int[]) with ordinality as asked (task_id, after, place)
  cross join lateral (
    select turn, append_id, events
    from tasker.journal
    where task_id = asked.task_id
      and turn > asked.after
    order by turn
    limit $3
  ) j
),
sized as (
  select
    place, turn, append_id, events,
    row_number() over one_by_one as number,
    sum(octet_length(events)) over one_by_one as bytes,
    (select count(*) from found) as found
  from found
  window one_by_one as (order by place, turn)
)
select place::int, turn, append_id, convert_from(events, 'utf8') as events, found::int
from sized
where number = 1
  or bytes <= $4
order by place, turn
