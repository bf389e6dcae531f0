-- Labels: what tasks are found by beside their tags. The values of search attributes that their
-- workflow declares, failures, what a person has to do, priorities; `kind:word` or `kind:name=value`.

-- Written by the statement that writes the row, from what src/core/search.ts makes of the task.
alter table tasker.task
add labels text[] not null default '{}';

-- task_by_tag lists labels as it lists tags, in the same way.
comment on table tasker.task_by_tag
is 'One row for each tag and label of a task, by its state; see 0015_list_keys and 0029_labels';

-- One row for each label that is a number or a time, in the order of its values. Written by appends
-- with the label, deleted with the task. It does not know the state, so no change moves it.
-- Law: `list_key` is that of namespace, workflow and the label without its value.
create table tasker.task_by_value (
  list_key bigint not null,
  value float8 not null,
  task_id uuid not null,
  primary key (list_key, value, task_id)
);

-- The value of a label that is a number or a time; null: there is none of that name.
create function tasker.label_value(labels text[], name text)
returns float8
language sql immutable strict parallel safe
return (
  select substr(label, length(name) + 2)::float8
  from unnest(labels) as of_task (label)
  where starts_with(label, name || '=')
  limit 1
);

-- Tasks that are parked when this runs may sleep for long before their next turn writes labels.
update tasker.task
set labels = array[
  'needs:choice',
  'parked:' || substring(blocked_reason from '^step "([^"]+)" is parked')
]
where state = 'blocked'
  and blocked_reason ~ '^step "[^"]+" is parked';

insert into tasker.task_by_tag (list_key, task_id)
select distinct tasker.list_key(namespace, workflow, state, label), task_id
from tasker.task
cross join lateral unnest(labels) as of_task (label)
order by 1, 2
on conflict do nothing;
