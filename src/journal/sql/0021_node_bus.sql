-- The bus of a node: nodes on one database have to share it. Null: a version before joined.

alter table tasker.node add column bus text;
