-- The newest entry of each workflow that has one after a number, with the text of its version, in the
-- order of their numbers, as far as they fit; the first always does.
-- $1 the number after which to go on; $2 rows at most; $3 bytes at most.
with newest as (
  select distinct on (namespace, name) namespace, name, entry, number
  from tasker.deployment
  where number > $1::float8::bigint
  order by namespace, name, entry desc
),
page as (
  select namespace, name, entry, number
  from newest
  order by number
  limit $2
),
sized as (
  select
    d.namespace, d.name, d.entry, d.number, d.version, d.hash, t.text,
    row_number() over in_order as place,
    sum(pg_column_size(t.text)) over in_order as bytes
  from page p
  join tasker.deployment d using (namespace, name, entry)
  join tasker.deployment t
    on t.namespace = d.namespace
    and t.name = d.name
    and t.version = d.version
    and t.text is not null
  window in_order as (order by d.number)
)
select namespace, name, entry, number::float8 as number, version, hash, text
from sized
where place = 1
  or bytes <= $3
order by sized.number
