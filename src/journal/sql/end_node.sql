-- Deletes a node's row, which waits for its flushes in flight; every later one inserts nothing.
-- $1 incarnation, $2 whether its lease does not matter.
delete from tasker.node
where incarnation = $1
  and (expires_at < now() or $2)
returning incarnation
