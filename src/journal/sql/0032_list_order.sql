-- Lists of tags and labels over all workflows, and lists of versions; each in the order of ids.

-- The key of a list of tasks with a label. It is marked, apart from tags, which may be the text of a label.
create function tasker.label_key(namespace text, state text, label text)
returns bigint
language sql immutable strict parallel safe
return tasker.list_key(namespace, '', state, e'\x01' || label);

drop table tasker.task_by_tag;

-- One row for each tag and label of a task. Written by appends when the task leaves the state `running`
-- for another state than the last time: a task that only runs writes its tags once, when it ends.
-- Law: the key has the task's state; of a running task it has the last other one. Running tasks that
-- never had another state have no rows: they are few, and lists look through them.
-- The hashes leave out tasks of other workflows and versions without a look at their rows.
create table tasker.task_by_tag (
  list_key bigint not null,
  task_id uuid not null,
  workflow_hash int not null,
  version_hash int not null
);

insert into tasker.task_by_tag (list_key, task_id, workflow_hash, version_hash)
select distinct label.list_key, t.task_id, hashtext(t.workflow), hashtext(t.version)
from tasker.task t
cross join lateral (select coalesce(t.listed_state, nullif(t.state, 'running')) as state) listed
cross join lateral (
  select tasker.list_key(t.namespace, '', listed.state, tag) as list_key
  from unnest(t.tags) as of_tags (tag)
  union all
  select tasker.label_key(t.namespace, listed.state, label)
  from unnest(t.labels) as of_labels (label)
) label
where listed.state is not null
order by 1, 2;

-- The only index: no plan can take another. It has all columns: a list reads no row of the table that a
-- vacuum has seen.
alter table tasker.task_by_tag
add primary key (list_key, task_id) include (workflow_hash, version_hash);

-- Running tasks are left out, so that a task that only runs has one entry, made when it ends.
create index task_by_version
on tasker.task (tasker.list_key(namespace, workflow, state, version), task_id)
where state <> 'running';
