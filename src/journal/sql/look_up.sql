-- What became of rows whose insertion is not known: who wrote their turn, and which task has their
-- key. $1 rows as JSON: `n` is their place in the question.
select
  asked.n,
  journal.append_id,
  task_key.task_id as holder,
  task_key.body_hash as holder_body
from jsonb_to_recordset($1::text::jsonb)
  as asked (n int, task_id uuid, turn int, namespace text, key text)
left join tasker.journal
on journal.task_id = asked.task_id
  and journal.turn = asked.turn
left join tasker.task_key
on task_key.namespace = asked.namespace
  and task_key.key = asked.key
