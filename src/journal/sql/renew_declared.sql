-- Renews what manifests declare, as far as it is registered alike; says which entries are.
-- $1 JSON: entries, each with its number.
-- Locks instances' rows that are due, by system and instance; what others hold, they renew.
with asked as materialized (
  select *
  from json_to_recordset($1::text::json) as asked (
    number int, system text, instance text, version text, digest text, health_url text,
    namespaces text[], lease_ms int
  )
),
alike as materialized (
  select
    asked.number, i.system, i.instance,
    -- Of several nodes with the same manifests one renews.
    i.expires_at < now() + (i.lease_ms - 10000) * interval '1 millisecond' as is_due
  from asked
  join tasker.system_instance i
    on i.system = asked.system collate "C"
    and i.instance = asked.instance collate "C"
  where i.is_declared
    and i.version = asked.version
    and i.digest = asked.digest
    and i.health_url is not distinct from asked.health_url
    and i.namespaces = asked.namespaces
    and i.lease_ms = asked.lease_ms
    and i.state <> 'gone'
),
due as materialized (
  select i.system, i.instance
  from tasker.system_instance i
  join alike using (system, instance)
  where alike.is_due
  order by i.system, i.instance
  for no key update of i skip locked
),
renewed as (
  update tasker.system_instance i
  set expires_at = now() + i.lease_ms * interval '1 millisecond'
  from due
  where (i.system, i.instance) = (due.system, due.instance)
)
select number
from alike
