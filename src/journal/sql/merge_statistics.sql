-- Replaces rows of a workflow by what they were merged into, or does nothing if one of them is gone:
-- then another node has merged them.
-- $1 workflow; $2 first ms, $3 writers, $4 numbers, $5 whether of steps: of the old rows;
-- $6 the writer of the new rows; $7 their numbers, $8 first ms, $9 last ms, $10 whether of steps,
-- $11 tiers, $12 bodies.
-- Locks: the old rows, in the order of their key.
with old as materialized (
  select one.place
  from unnest($2::float8[], $3::uuid[], $4::int[], $5::int[])
    as x (from_ms, writer, number, of_steps)
  cross join lateral (
    select s.ctid as place
    from tasker.step_statistics s
    where s.workflow = $1::text
      and s.from_ms = x.from_ms::bigint
      and s.writer = x.writer
      and s.number = x.number
      and s.of_steps = (x.of_steps = 1)
    limit 1
    for update
  ) one
),
gone as (
  -- By their places: they are locked, so they stay there, and no plan reads anything else.
  delete from tasker.step_statistics
  where ctid = any (array(select place from old))
    and (select count(*) from old) = cardinality($2::float8[])
)
insert into tasker.step_statistics
  (workflow, from_ms, until_ms, writer, number, of_steps, every_ms, body)
select $1::text, x.from_ms::bigint, x.until_ms::bigint, $6::uuid, x.number, x.of_steps = 1,
  x.every_ms::bigint, x.body
from unnest($7::int[], $8::float8[], $9::float8[], $10::int[], $11::float8[], $12::text[])
  as x (number, from_ms, until_ms, of_steps, every_ms, body)
where (select count(*) from old) = cardinality($2::float8[])
