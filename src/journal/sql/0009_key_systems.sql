-- The systems that a key speaks for on the bus, apart from the namespaces whose tasks it may use.

-- Null: the key was made by a version without this list, so its namespaces name both; see keys.ts.
alter table tasker.api_key
add column systems text[];
