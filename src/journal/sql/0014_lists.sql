-- Lists: every filter of tasks, and every combination, is a range of an index in the order of ids.
-- No two indexes of a table begin with the same column: so each list has one that serves it at all.

create index task_place
on tasker.task (namespace, state, task_id);

create index task_flow
on tasker.task (workflow, namespace, state, task_id);

-- Both are covered by these; versions before this one list more slowly until they are replaced.
drop index tasker.task_workflow;

drop index tasker.task_attention;

-- Tags of tasks, one row each. Written by the triggers below alone, so by any version.
-- Law: as tasker.task says, of which this is another order.
create table tasker.task_tag (
  namespace text not null,
  tag text not null,
  workflow text not null,
  state text not null,
  task_id uuid not null,
  created_at timestamptz not null,
  primary key (tag, namespace, state, task_id)
) with (fillfactor = 80);

create index task_tag_flow
on tasker.task_tag (workflow, namespace, tag, state, task_id);

create function tasker.index_tags() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    insert into tasker.task_tag (namespace, tag, workflow, state, task_id, created_at)
    select distinct new.namespace, tag, new.workflow, new.state, new.task_id, new.created_at
    from unnest(new.tags) tag;
  elsif tg_op = 'UPDATE' then
    update tasker.task_tag
    set state = new.state
    where namespace = old.namespace
      and tag = any (old.tags)
      and state = old.state
      and task_id = old.task_id;
  else
    delete from tasker.task_tag
    where namespace = old.namespace
      and tag = any (old.tags)
      and state = old.state
      and task_id = old.task_id;
  end if;
  return null;
end $$;

-- Once a row, because the conditions are looked at before the function is called: tasks without tags
-- cost nothing. Once a statement, with tables of what changed, all flushes paid for it.
create trigger tag_born
after insert on tasker.task
for each row
when (new.tags <> '{}')
execute function tasker.index_tags();

create trigger tag_moved
after update of state on tasker.task
for each row
when (new.tags <> '{}' and new.state is distinct from old.state)
execute function tasker.index_tags();

create trigger tag_gone
after delete on tasker.task
for each row
when (old.tags <> '{}')
execute function tasker.index_tags();

insert into tasker.task_tag (namespace, tag, workflow, state, task_id, created_at)
select distinct t.namespace, tag, t.workflow, t.state, t.task_id, t.created_at
from tasker.task t, unnest(t.tags) tag;
