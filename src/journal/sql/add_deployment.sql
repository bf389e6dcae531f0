-- Adds an entry, unless another one came first; with a text, also the version that it brings in, and
-- what a person let it break. All of it or nothing. Answers the entry, or no row.
-- $1 namespace, $2 name, $3 version, $4 hash, $5 text or null, $6 who, $7 reason, $8 the newest entry
-- that is known, 0 for none, $9 definition, $10 why it may break others, or null, $11 what it breaks.
-- Locks the row of the number, then that of the definition.
with counted as (
  update tasker.deployment_number
  set number = number + 1
  where not exists (
    select from tasker.deployment where namespace = $1 and name = $2 and entry > $8::int
  )
  returning number
),
added as (
  insert into tasker.deployment (
    namespace, name, entry, number, version, hash, text, by_whom, reason
  )
  select $1, $2, $8::int + 1, number, $3, $4, $5::text, $6, $7
  from counted
  on conflict (namespace, name, entry) do nothing
  returning entry, number, created_at
),
bodies as (
  -- The same hash may come with other policies, which it does not cover.
  insert into tasker.definition (hash, body)
  select $4, $9::text::json
  from added
  where $5::text is not null
  on conflict (hash) do update
  set body = excluded.body
),
versions as (
  insert into tasker.workflow (namespace, name, version, hash)
  select $1, $2, $3, $4
  from added
  where $5::text is not null
  on conflict do nothing
),
forced as (
  insert into tasker.forced_version (namespace, name, version, forced_by, reason, breaks)
  select $1, $2, $3, $6, $10::text, array(select json_array_elements_text($11::text::json))
  from added
  where $10::text is not null
  on conflict do nothing
)
select entry, number::float8 as number, (extract(epoch from created_at) * 1000)::float8 as at_ms
from added
