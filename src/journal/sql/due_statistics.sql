-- Rows of a workflow that are to be merged into longer intervals, the oldest first, as far as they
-- fit; the first always does.
-- $1 workflow; $2 tier; $3 before that ms; $4 rows at most; $5 bytes at most.
with found as materialized (
  select s.workflow, s.from_ms, s.until_ms, s.writer, s.number, s.of_steps, s.every_ms, s.body
  from tasker.step_statistics s
  where s.workflow = $1::text
    and s.from_ms < $3::float8::bigint
    and s.every_ms = $2::float8::bigint
  order by s.workflow, s.from_ms, s.writer, s.number, s.of_steps
  limit $4
),
sized as (
  select
    found.*,
    row_number() over by_time as place,
    sum(octet_length(body)) over by_time as bytes,
    count(*) over () as found
  from found
  window by_time as (order by from_ms, writer, number, of_steps)
)
select workflow, from_ms, until_ms, writer, number, of_steps, every_ms, body, found::int
from sized
where place = 1
  or bytes <= $5
order by place
