-- The next rows about whole tasks, of all workflows by time, as far as they fit; the first always does.
-- $1 first ms, $2 workflow, $3 writer, $4 number: behind that row; $5 before that ms;
-- $6 rows at most; $7 bytes at most.
with found as materialized (
  select workflow, from_ms, until_ms, writer, number, of_steps, body
  from tasker.step_statistics
  where not of_steps
    and (from_ms, workflow, writer, number)
      > ($1::float8::bigint, $2::text, $3::uuid, $4::int)
    and from_ms < $5::float8::bigint
  order by from_ms, workflow, writer, number
  limit $6
),
sized as (
  select
    found.*,
    row_number() over by_time as place,
    sum(octet_length(body)) over by_time as bytes,
    count(*) over () as found
  from found
  window by_time as (order by from_ms, workflow, writer, number)
)
select workflow, from_ms, until_ms, writer, number, of_steps, body, found::int
from sized
where place = 1
  or bytes <= $7
order by place
