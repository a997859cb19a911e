-- Lifecycle: what a deprecated prompt tells its callers, and the history of all moves.
-- `deprecated_at` stays while a prompt is deprecated or archived; a successor is any other prompt, like a parent.
alter table prompt
  add column deprecated_at  timestamptz,
  add column sunset_at      timestamptz,
  add column successor_id   uuid;
-- New prompts are drafts, and most prompts stay so: they are found without it, and made without its cost.
create index prompt_by_status on prompt (workspace_id, status, created_at, id) where deleted_at is null and status <> 'draft';

create table lifecycle_move (
  workspace_id  uuid not null,
  prompt_id     uuid not null,
  id            bigint generated always as identity,
  from_status   text not null,
  to_status     text not null,
  reason        text,
  sunset_at     timestamptz,
  successor_id  uuid,
  moved_by      text not null,
  moved_at      timestamptz not null,
  primary key (workspace_id, prompt_id, id)
);
call make_tenant_table('lifecycle_move');
