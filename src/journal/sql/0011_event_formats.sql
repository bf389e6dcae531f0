-- Event formats: which a node reads, and which the tasks of a slot need.

-- Set when the node joins; versions before this column read the first format.
alter table tasker.node
add column format int not null default 1;

-- Raised by an owner that met a task it could not read.
-- Law: it never sinks; a slot belongs to a node that reads it, while one lives.
alter table tasker.slot
add column format_min int not null default 1;
