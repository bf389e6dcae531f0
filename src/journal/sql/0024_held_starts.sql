-- Held starts: a version of a workflow's policy may hold back starts for a time.
-- Law: the newest row of a workflow says which, {pausedBelow, ratePerS, untilMs}; also a row with a
-- canary says it for all tasks. Nodes of a version before do not know the column and hold none back.

alter table tasker.policy add column starts json;
