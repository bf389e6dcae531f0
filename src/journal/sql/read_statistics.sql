-- The next rows of a workflow by time, as far as they fit; the first always does.
-- $1 workflow; $2 first ms, $3 writer, $4 number, $5 whether of steps: behind that row;
-- $6 before that ms; $7 rows at most; $8 bytes at most.
with found as materialized (
  select workflow, from_ms, until_ms, writer, number, of_steps, body
  from tasker.step_statistics
  where (workflow, from_ms, writer, number, of_steps)
    > ($1::text, $2::float8::bigint, $3::uuid, $4::int, $5::int = 1)
    and (workflow, from_ms) < ($1::text, $6::float8::bigint)
  order by workflow, from_ms, writer, number, of_steps
  limit $7
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
select workflow, from_ms, until_ms, writer, number, of_steps, body, found::int
from sized
where place = 1
  or bytes <= $8
order by place
