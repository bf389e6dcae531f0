-- Lists of tasks: every filter is one range of an index with one key, in the order of ids. Written
-- by the statements that write tasks; no triggers.

-- The key of a list: a hash, so that rows are small and compared fast, and so that one comparison
-- tells where a range ends. What a list does not filter by is ''. Lists with the same key share a
-- range, from which each takes only the tasks that do match.
create function tasker.list_key(namespace text, workflow text, state text, tag text)
returns bigint
language sql immutable strict parallel safe
return hashtextextended(namespace || '/' || workflow || '/' || state || '/' || tag, 0);

-- One row for each tag of a task. Written by appends when the task leaves the state `running` for
-- another state than the last time: a task that only runs writes its tags once, when it ends.
-- Law: the key has the task's state; of a running task it has the last other one. Running tasks that
-- never had another state have no rows: they are few, and lists look through them.
create table tasker.task_by_tag (
  list_key bigint not null,
  task_id uuid not null
);

insert into tasker.task_by_tag (list_key, task_id)
select distinct tasker.list_key(t.namespace, t.workflow, t.state, tag), t.task_id
from tasker.task t
cross join lateral unnest(t.tags) tag
where t.state <> 'running'
order by 1, 2;

-- The only index: no plan can take another.
alter table tasker.task_by_tag
add primary key (list_key, task_id);

-- Of a running task: the state that its rows in task_by_tag have; null: it has none.
alter table tasker.task
add listed_state text;

create index task_by_state
on tasker.task (tasker.list_key(namespace, '', state, ''), task_id);

create index task_by_workflow
on tasker.task (tasker.list_key(namespace, workflow, state, ''), task_id);

-- Whether the id was minted more than 30 s before or after the first turn. Lists by time look for
-- the others by their ids, which begin with the time of minting, and for these few one by one.
alter table tasker.task
add minted_apart boolean not null default false;

update tasker.task
set minted_apart = true
where created_at
  not between to_timestamp(('x' || translate(left(task_id::text, 13), '-', ''))::bit(48)::bigint / 1000.0)
    - interval '30 seconds'
  and to_timestamp(('x' || translate(left(task_id::text, 13), '-', ''))::bit(48)::bigint / 1000.0)
    + interval '30 seconds';

create index task_minted_apart
on tasker.task (task_id)
where minted_apart;

drop index tasker.task_place;

drop index tasker.task_flow;

drop trigger tag_born on tasker.task;

drop trigger tag_moved on tasker.task;

drop trigger tag_gone on tasker.task;

drop function tasker.index_tags();

drop table tasker.task_tag;
