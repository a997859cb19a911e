-- Bulk operations: what was asked for, item by item, and what became of each.
create table bulk_operation (
  workspace_id      uuid not null,
  id                uuid not null,
  kind              text not null check (kind in ('create', 'update', 'delete', 'tag')),
  atomic            boolean not null,
  dry_run           boolean not null,
  -- What is the same for all items: force of a deletion, the change of tags.
  options           jsonb not null,
  status            text not null check (status in ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
  total             int not null,
  succeeded         int not null default 0,
  failed            int not null default 0,
  skipped           int not null default 0,
  -- All items up to this index are decided.
  done_through      int not null default -1,
  cancel_requested  boolean not null default false,
  error             text,
  retry_of          uuid,
  request_id        text not null,
  traceparent       text,
  created_by        text not null,
  created_at        timestamptz not null,
  -- Null while its lines are still coming in.
  received_at       timestamptz,
  started_at        timestamptz,
  finished_at       timestamptz,
  -- When it was last worked at, or handed to a worker.
  touched_at        timestamptz not null,
  primary key (workspace_id, id)
);
call make_tenant_table('bulk_operation');
create index bulk_operation_open on bulk_operation (touched_at) where finished_at is null;
create index bulk_operation_over on bulk_operation (finished_at) where finished_at is not null;

-- The payload is kept as it came until the item has succeeded, so that it can be tried again.
create table bulk_item (
  workspace_id  uuid not null,
  operation_id  uuid not null,
  index         int not null check (index >= 0),
  payload       text,
  outcome       text not null check (outcome in ('pending', 'succeeded', 'failed', 'skipped')),
  prompt_id     uuid,
  version       int,
  problem       jsonb,
  primary key (workspace_id, operation_id, index)
);
call make_tenant_table('bulk_item');
-- Payloads are read once and soon dropped: compressing them is not worth the time.
alter table bulk_item alter column payload set storage external;
create index bulk_item_failed on bulk_item (workspace_id, operation_id, index) where outcome = 'failed';
-- For redaction: whose text is still kept here.
create index bulk_item_by_prompt on bulk_item (workspace_id, prompt_id) where payload is not null and prompt_id is not null;
