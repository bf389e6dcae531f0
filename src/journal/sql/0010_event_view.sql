-- The view over history survives rows that hold what jsonb cannot: U+0000, halves of surrogate
-- pairs, too deep a nesting. Such rows were taken once; today they are refused where they come in.

-- A row as jsonb. What jsonb cannot hold is shown as U+FFFD; null: Postgres cannot read it at all.
create function tasker.row_json(events bytea) returns jsonb
language plpgsql
immutable
as $$
declare
  row_text constant text := convert_from(events, 'utf8');
begin
  begin
    return row_text::jsonb;
  exception when others then
    return regexp_replace(
      regexp_replace(
        row_text,
        -- A half without its other half; an even number of backslashes before it escapes nothing.
        '(?<!\\)((?:\\\\)*)\\u(?:0000|d[89ab][0-9a-f]{2}(?!\\ud[c-f][0-9a-f]{2}))',
        '\1\\ufffd',
        'gi'
      ),
      '(?<!\\ud[89ab][0-9a-f]{2})(?<!\\)((?:\\\\)*)\\ud[c-f][0-9a-f]{2}',
      '\1\\ufffd',
      'gi'
    )::jsonb;
  end;
exception when others then
  return null;
end
$$;

-- One row an event, as before. A row that cannot be read at all is one event without a kind.
create or replace view tasker.task_event as
select
  j.task_id,
  j.turn,
  (e.position - 3)::int as number,
  to_timestamp(
    (
      -- A task id begins with its minting in ms; a row's base counts from there, an event from that.
      ('x' || left(replace(j.task_id::text, '-', ''), 12))::bit(48)::bigint
      + (row.value ->> 1)::bigint
      + (e.event ->> 1)::bigint
    ) / 1000.0
  ) as at,
  coalesce(k.name, e.event ->> 0) as kind,
  case
    when k.number between 2 and 14
    then d.body -> 'steps' -> (e.event ->> 2)::int ->> 'name'
  end as step_name,
  e.event -> k.payload_at as payload,
  e.event as fields
from tasker.journal j
cross join lateral (select tasker.row_json(j.events) as value) row
left join lateral jsonb_array_elements(row.value) with ordinality e (event, position) on true
left join tasker.event_kind k on k.number = (e.event ->> 0)::int
left join tasker.task t on t.task_id = j.task_id
left join tasker.definition d on d.hash = t.definition_hash
where e.position > 3
  or e.position is null;
