-- Keys: only a SHA-256 of the secret is kept.
create table api_key (
  workspace_id    uuid not null references workspace (id),
  id              uuid not null,
  name            text not null,
  secret_hash     text not null unique,
  permissions     text[] not null,
  instance_admin  boolean not null default false,
  created_by      text not null,
  created_at      timestamptz not null,
  revoked_at      timestamptz,
  primary key (workspace_id, id)
);
call make_tenant_table('api_key');
