-- Adds what a node counted. What is there already stays: it is a repeat.
-- $1 writer; $2 number; $3 workflows, $4 first ms, $5 last ms, $6 whether of steps, $7 bodies.
insert into tasker.step_statistics
  (workflow, from_ms, until_ms, writer, number, of_steps, every_ms, body)
select x.workflow, x.from_ms::bigint, x.until_ms::bigint, $1::uuid, $2::int, x.of_steps = 1, 10000,
  x.body
from unnest($3::text[], $4::float8[], $5::float8[], $6::int[], $7::text[])
  as x (workflow, from_ms, until_ms, of_steps, body)
on conflict do nothing
