-- Registers an instance, or renews its lease if nothing else changes; or says which bound is reached.
-- Only living instances that have registered themselves count; the gone ones of a system make room.
-- $1 system, $2 instance, $3 is_declared, $4 version, $5 capabilities, $6 digest, $7 bytes,
-- $8 health_url, $9 namespaces (null: as they are), $10 lease_ms; of living instances: $11 of a
-- system, $12 of all; of the bytes of their capabilities: $13 of a system, $14 of all.
-- Locks the instance's row; or, where that does not match, the version's row and then instances'.
with renewed as (
  update tasker.system_instance
  set expires_at = now() + $10::int * interval '1 millisecond'
  where system = $1
    and instance = $2
    and is_declared = $3
    and version = $4
    and digest = $6
    and health_url is not distinct from $8
    and namespaces = coalesce($9::text[], namespaces)
    and lease_ms = $10
    and state <> 'gone'
  returning 1
),
others as materialized (
  select system, instance, digest, bytes, state <> 'gone' as is_living, since
  from tasker.system_instance
  where not is_declared
    and (system, instance) <> ($1, $2)
    and not exists (select from renewed)
),
counts as (
  select
    count(*) filter (where system = $1) as own,
    count(*) filter (where system = $1 and is_living) as own_living,
    count(*) filter (where is_living) as living
  from others
),
offers as (
  select system, bytes, bool_or(is_living) as is_living
  from others
  group by system, digest, bytes
),
sizes as (
  select
    coalesce(sum(bytes) filter (where system = $1), 0) + $7 as own,
    coalesce(sum(bytes) filter (where system = $1 and is_living), 0) + $7 as own_living,
    coalesce(sum(bytes) filter (where is_living), 0) + $7 as living
  from offers
),
room as (
  select
    case
      when $3 then null
      when counts.own_living >= $11 then 'system_instances'
      when counts.living >= $12 then 'all_instances'
      when sizes.own_living > $13 then 'system_bytes'
      when sizes.living > $14 then 'all_bytes'
    end as refusal,
    case
      when $3 then 0
      when sizes.own > $13 then counts.own
      else greatest(counts.own + 1 - $11, 0)
    end as excess
  from counts, sizes
),
spare as materialized (
  select system, instance
  from others
  where system = $1
    and not is_living
  order by since, instance
  limit (select excess from room)
),
changed as (
  update tasker.system_version
  set version = version + 1
  where not exists (select from renewed)
    and exists (select from room where refusal is null)
  returning 1
),
forgotten as (
  delete from tasker.system_instance i
  using changed, spare
  where (i.system, i.instance) = (spare.system, spare.instance)
    and i.state = 'gone'
),
put as (
  insert into tasker.system_instance as known (
    system, instance, is_declared, version, capabilities, digest, bytes, health_url, namespaces,
    lease_ms, state, expires_at
  )
  select
    $1, $2, $3, $4, $5::text::jsonb, $6, $7, $8, coalesce($9::text[], '{}'),
    $10, 'healthy', now() + $10::int * interval '1 millisecond'
  from changed
  on conflict (system, instance) do update
  set
    is_declared = excluded.is_declared,
    version = excluded.version,
    capabilities = excluded.capabilities,
    digest = excluded.digest,
    bytes = excluded.bytes,
    health_url = excluded.health_url,
    namespaces = coalesce($9::text[], known.namespaces),
    lease_ms = excluded.lease_ms,
    expires_at = excluded.expires_at,
    -- A registration says nothing about a health that is checked.
    state = case
      when known.state = 'unhealthy' and known.health_url is not distinct from excluded.health_url
        then 'unhealthy'
      else 'healthy'
    end,
    detail = case
      when known.state = 'unhealthy' and known.health_url is not distinct from excluded.health_url
        then known.detail
      else ''
    end,
    since = case when known.state = 'gone' then now() else known.since end
  returning 1
)
select 'renewed' as outcome from renewed
union all
select 'changed' from put
union all
select refusal from room where refusal is not null
