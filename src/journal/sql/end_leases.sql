-- Ends leases that are over, and forgets instances that are long gone; the last one of a system stays,
-- because its steps wait for it. $1 how long a gone instance is kept, in ms.
-- Locks the version's row, then the instances'.
with due as materialized (
  select system, instance, state
  from (
    select
      i.*,
      row_number() over (
        partition by system, is_declared order by state = 'gone', since desc, instance desc
      ) as place
    from tasker.system_instance i
  ) i
  where (state <> 'gone' and expires_at < now())
    or (
      state = 'gone'
      and since < now() - $1::int * interval '1 millisecond'
      and (is_declared or place > 1)
    )
),
changed as (
  update tasker.system_version
  set version = version + 1
  where exists (select from due)
  returning 1
),
ended as (
  update tasker.system_instance i
  set state = 'gone', detail = 'its lease is over', since = now()
  from changed, due
  where (i.system, i.instance) = (due.system, due.instance)
    and i.state <> 'gone'
    and i.expires_at < now()
  returning i.system, i.instance
),
forgotten as (
  delete from tasker.system_instance i
  using changed, due
  where (i.system, i.instance) = (due.system, due.instance)
    and i.state = 'gone'
    and due.state = 'gone'
)
select system, instance
from ended
