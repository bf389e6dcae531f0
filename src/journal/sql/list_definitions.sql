-- The next versions of workflows by name, as far as they fit; the first always does. The stored
-- length of a body is known without reading it.
-- $1, $2, $3 namespace, name and version after which to go on; $4 rows at most; $5 bytes at most.
with page as (
  select namespace, name, version, hash
  from tasker.workflow
  where (namespace, name, version) > ($1, $2, $3)
  order by namespace, name, version
  limit $4
),
sized as (
  select
    p.*, d.body,
    row_number() over one_by_one as number,
    sum(pg_column_size(d.body)) over one_by_one as bytes
  from page p
  join tasker.definition d using (hash)
  window one_by_one as (order by p.namespace, p.name, p.version)
)
select namespace, name, version, hash, body
from sized
where number = 1
  or bytes <= $5
order by namespace, name, version
