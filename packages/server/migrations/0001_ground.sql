-- The ground every context stands on: workspaces, the change feed, idempotency.
-- Roles exist already (see src/infrastructure/postgres/migrate.ts): ps_owner owns, ps_app works under row-level
-- security, ps_system works across workspaces (the feed's relay, key look-up, jobs). Neither of the two owns anything.

create function current_workspace() returns uuid language sql stable
  return nullif(current_setting('app.workspace_id', true), '')::uuid;

-- Make a table a tenant table: forced row-level security, one workspace per transaction.
create procedure make_tenant_table(name regclass) language plpgsql as $$
begin
  execute format('alter table %s alter column workspace_id set default current_workspace()', name);
  execute format('alter table %s enable row level security', name);
  execute format('alter table %s force row level security', name);
  execute format('create policy tenant on %s to ps_app using (workspace_id = current_workspace()) with check (workspace_id = current_workspace())', name);
  execute format('create policy across_workspaces on %s to ps_system using (true) with check (true)', name);
  execute format('grant select, insert, update, delete on %s to ps_app, ps_system', name);
end $$;

create table workspace (
  id          uuid primary key,
  name        text not null,
  created_at  timestamptz not null
);
alter table workspace enable row level security;
alter table workspace force row level security;
create policy own_workspace on workspace to ps_app using (id = current_workspace());
create policy across_workspaces on workspace to ps_system using (true) with check (true);
grant select on workspace to ps_app;
grant select, insert, update on workspace to ps_system;

-- Every change of state leaves one row here, in its own transaction. The relay gives committed rows their position.
create table outbox (
  id            bigint generated always as identity primary key,
  workspace_id  uuid not null,
  position      bigint,
  xid           xid8 not null default pg_current_xact_id(),
  type          text not null,
  subject       text not null,
  data          jsonb not null,
  actor         text not null,
  request_id    text not null,
  created_at    timestamptz not null
);
call make_tenant_table('outbox');
-- Each row is changed once, when it gets its position: vacuum early, so that the index of the unplaced ones stays small.
alter table outbox set (autovacuum_vacuum_scale_factor = 0.02);
create unique index outbox_by_position on outbox (position) where position is not null;
create index outbox_unplaced on outbox (id) where position is null;

create table feed_head (
  only_row  boolean primary key default true check (only_row),
  position  bigint not null
);
insert into feed_head (position) values (0);
grant select on feed_head to ps_app;
grant select, update on feed_head to ps_system;

create table idempotency_key (
  workspace_id  uuid not null,
  principal     text not null,
  key           text not null,
  request_hash  text not null,
  status        int not null,
  headers       jsonb not null,
  body          text not null,
  xid           xid8 not null default pg_current_xact_id(),
  expires_at    timestamptz not null,
  primary key (workspace_id, principal, key)
);
call make_tenant_table('idempotency_key');
create index idempotency_key_by_expiry on idempotency_key (expires_at);
