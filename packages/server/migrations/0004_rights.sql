-- Who may do what: people, their membership of workspaces, roles, and what keys are limited to.

-- People exist once per installation, known by their identity provider; workspaces know them as members.
create table person (
  id             uuid primary key,
  issuer         text not null,
  subject        text not null,
  email          text,
  name           text,
  created_at     timestamptz not null,
  last_login_at  timestamptz,
  unique (issuer, subject)
);
alter table person enable row level security;
alter table person force row level security;
create policy across_workspaces on person to ps_system using (true) with check (true);
grant select, insert, update, delete on person to ps_system;

-- Custom roles; the built-in ones are in the code and their names cannot be taken.
create table role (
  workspace_id  uuid not null references workspace (id),
  id            uuid not null,
  name          text collate "C" not null,
  description   text not null,
  permissions   text[] not null,
  categories    text[],
  labels        text[],
  created_by    text not null,
  created_at    timestamptz not null,
  updated_at    timestamptz not null,
  revision      int not null check (revision >= 1),
  primary key (workspace_id, id),
  unique (workspace_id, name)
);
call make_tenant_table('role');

-- `role` is the name of a built-in or custom one.
create table member (
  workspace_id  uuid not null references workspace (id),
  id            uuid not null,
  person_id     uuid not null references person (id),
  role          text collate "C" not null,
  added_by      text not null,
  created_at    timestamptz not null,
  updated_at    timestamptz not null,
  revision      int not null check (revision >= 1),
  primary key (workspace_id, id),
  unique (workspace_id, person_id)
);
call make_tenant_table('member');
create index member_by_person on member (person_id);

-- An invitation is taken up with its token, of which only the SHA-256 is kept, by whoever logs in with it.
create table invitation (
  workspace_id  uuid not null references workspace (id),
  id            uuid not null,
  email         text not null,
  role          text collate "C" not null,
  token_hash    text not null unique,
  invited_by    text not null,
  created_at    timestamptz not null,
  expires_at    timestamptz not null,
  accepted_at   timestamptz,
  accepted_by   uuid,
  primary key (workspace_id, id)
);
call make_tenant_table('invitation');

-- Keys: a role, or scopes of their own (`permissions`). A key that was rotated goes on until `retires_at`; one that was
-- revoked is dead whatever the clock says.
alter table api_key
  add column role           text collate "C",
  add column expires_at     timestamptz,
  add column retires_at     timestamptz,
  add column allowed_cidrs  text[],
  add column last_used_at   timestamptz,
  add column rotated_to     uuid;
create index api_key_by_created on api_key (workspace_id, created_at, id);

alter table workspace
  add column created_by  text,
  add column updated_at  timestamptz,
  add column revision    int not null default 1;
grant update on workspace to ps_app;

-- The rules of a label: who may move it. Without a row it is free to all who may move labels.
create table label_rule (
  workspace_id  uuid not null references workspace (id),
  label         text collate "C" not null,
  protected     boolean not null,
  roles         text[],
  categories    text[],
  updated_by    text not null,
  updated_at    timestamptz not null,
  revision      int not null check (revision >= 1),
  primary key (workspace_id, label)
);
call make_tenant_table('label_rule');

-- A caller whose reading is limited to categories does not see the prompts of others, whatever the query.
create function visible_categories() returns text[] language sql stable
  return case when coalesce(current_setting('app.categories', true), '') = '' then null
    else array(select jsonb_array_elements_text(current_setting('app.categories', true)::jsonb)) end;
create policy visible_category on prompt as restrictive for select to ps_app
  using ((select visible_categories()) is null or category = any ((select visible_categories())::text[]));
