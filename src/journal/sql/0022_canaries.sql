-- Canaries: a share of a workflow's tasks tries a version of its policy, and the others stay under the
-- version before.
-- Law: a row with a canary holds in `steps` what the others are under, and in `canary` what the share
-- is: {percent, salt, base, steps}. So nodes of a version before, which do not know the column, keep
-- all their tasks under what was there.

alter table tasker.policy add column canary json;
