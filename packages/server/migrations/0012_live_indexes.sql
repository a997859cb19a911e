-- Lists walk the live prompts in an order; the deleted ones are few and are sorted when asked for.
-- An index of all prompts that ends in their id also looked as good as the primary key to a planner that met the table
-- while it was empty: checks of foreign keys that were planned then walked the whole workspace, 3 ms at 30,000 prompts.
drop index prompt_by_created;
drop index prompt_by_updated;
drop index prompt_by_name_sorted;
create index prompt_by_created on prompt (workspace_id, created_at, id) where deleted_at is null;
create index prompt_by_updated on prompt (workspace_id, updated_at, id) where deleted_at is null;
create index prompt_by_name_sorted on prompt (workspace_id, name, id) where deleted_at is null;
create index prompt_deleted on prompt (workspace_id, deleted_at) where deleted_at is not null;
