-- Registers an instance, or renews its lease if nothing else changes. No row: there is no room.
-- $1 system, $2 instance, $3 is_declared, $4 version, $5 capabilities, $6 digest, $7 bytes,
-- $8 health_url, $9 namespaces, $10 lease_ms; $11 instances, $12 bytes of a system, $13 bytes of all.
-- Locks the instance's row; or, where that does not match, the version's row and then the instance's.
with renewed as (
  update tasker.system_instance
  set expires_at = now() + $10::int * interval '1 millisecond'
  where system = $1
    and instance = $2
    and is_declared = $3
    and version = $4
    and digest = $6
    and health_url is not distinct from $8
    and namespaces = $9::text[]
    and lease_ms = $10
    and state <> 'gone'
  returning 1
),
offers as (
  select distinct on (system, digest) system, bytes
  from tasker.system_instance
  where (system, instance) <> ($1, $2)
    and not exists (select from renewed)
),
changed as (
  update tasker.system_version
  set version = version + 1
  where not exists (select from renewed)
    and (select count(*) from tasker.system_instance where (system, instance) <> ($1, $2)) < $11
    and (select coalesce(sum(bytes), 0) from offers where system = $1) + $7 <= $12
    and (select coalesce(sum(bytes), 0) from offers) + $7 <= $13
  returning 1
),
put as (
  insert into tasker.system_instance as known (
    system, instance, is_declared, version, capabilities, digest, bytes, health_url, namespaces,
    lease_ms, state, expires_at
  )
  select
    $1, $2, $3, $4, $5::text::jsonb, $6, $7, $8, $9::text[],
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
    namespaces = excluded.namespaces,
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
