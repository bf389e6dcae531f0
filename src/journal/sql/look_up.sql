-- What became of rows whose insertion is not known: who wrote their turn, and who holds their key.
-- $1 rows as JSON.
select
  x.n,
  j.append_id,
  k.task_id as holder,
  k.body_hash as holder_body
from jsonb_to_recordset($1::text::jsonb) as x (n int, task uuid, turn int, ns text, key text)
left join tasker.journal j
on j.task_id = x.task
  and j.turn = x.turn
left join tasker.task_key k
on k.namespace = x.ns
  and k.key = x.key
