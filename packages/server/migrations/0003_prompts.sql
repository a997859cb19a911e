-- Prompts: the aggregate root. Its text lives in its versions, which never change.
-- What is sorted by (names, tags) has the collation "C": one order on every server, and indexes that outlive its libraries.
create table prompt (
  workspace_id      uuid not null,
  id                uuid not null,
  category          text collate "C" not null,
  name              text collate "C" not null,
  description       text not null,
  type              text not null check (type in ('text', 'chat')),
  tags              text[] collate "C" not null,
  metadata          jsonb not null,
  is_template       boolean not null,
  status            text not null check (status in ('draft', 'review', 'published', 'deprecated', 'archived')),
  version           int not null check (version >= 1),
  revision          int not null check (revision >= 1),
  parent_prompt_id  uuid,
  parent_version    int,
  created_by        text not null,
  created_at        timestamptz not null,
  updated_at        timestamptz not null,
  deleted_at        timestamptz,
  primary key (workspace_id, id)
);
call make_tenant_table('prompt');
create unique index prompt_by_name on prompt (workspace_id, category, name) where deleted_at is null;
create index prompt_by_created on prompt (workspace_id, created_at, id);
create index prompt_by_updated on prompt (workspace_id, updated_at, id);
create index prompt_by_name_sorted on prompt (workspace_id, name, id);
create index prompt_by_tag on prompt using gin (tags);

create table prompt_version (
  workspace_id    uuid not null,
  prompt_id       uuid not null,
  version         int not null check (version >= 1),
  engine          text not null check (engine in ('mustache', 'liquid', 'none')),
  content         jsonb not null,
  variables       jsonb not null,
  config          jsonb not null,
  checksum        text not null,
  change_summary  text,
  change_type     text not null check (change_type in ('create', 'update', 'rollback', 'fork')),
  approvals       jsonb not null default '[]',
  metadata        jsonb not null,
  created_by      text not null,
  created_at      timestamptz not null,
  primary key (workspace_id, prompt_id, version),
  foreign key (workspace_id, prompt_id) references prompt (workspace_id, id)
);
call make_tenant_table('prompt_version');

-- One label, one version, and only a version that exists.
create table prompt_label (
  workspace_id  uuid not null,
  prompt_id     uuid not null,
  label         text collate "C" not null check (label ~ '^[a-z][a-z0-9._-]{0,63}$' and label <> 'latest'),
  version       int not null,
  primary key (workspace_id, prompt_id, label),
  foreign key (workspace_id, prompt_id, version) references prompt_version (workspace_id, prompt_id, version)
);
call make_tenant_table('prompt_label');
create index prompt_label_by_label on prompt_label (workspace_id, label);

create table prompt_label_move (
  workspace_id  uuid not null,
  id            bigint generated always as identity,
  prompt_id     uuid not null,
  label         text not null,
  from_version  int,
  to_version    int,
  reason        text,
  moved_by      text not null,
  moved_at      timestamptz not null,
  primary key (workspace_id, prompt_id, label, id)
);
call make_tenant_table('prompt_label_move');

-- After a rename the old name goes on serving until it expires or is taken.
create table prompt_former_name (
  workspace_id  uuid not null,
  category      text collate "C" not null,
  name          text collate "C" not null,
  prompt_id     uuid not null,
  expires_at    timestamptz not null,
  primary key (workspace_id, category, name),
  foreign key (workspace_id, prompt_id) references prompt (workspace_id, id)
);
call make_tenant_table('prompt_former_name');

-- What a version includes, by id, so that it survives a rename. Either a label is followed or a version is pinned.
create table prompt_include (
  workspace_id      uuid not null,
  prompt_id         uuid not null,
  version           int not null,
  reference         text not null,
  target_id         uuid not null,
  target_label      text,
  target_version    int,
  primary key (workspace_id, prompt_id, version, reference),
  check ((target_label is null) <> (target_version is null)),
  foreign key (workspace_id, prompt_id, version) references prompt_version (workspace_id, prompt_id, version),
  foreign key (workspace_id, target_id) references prompt (workspace_id, id)
);
call make_tenant_table('prompt_include');
create index prompt_include_by_target on prompt_include (workspace_id, target_id);
