-- When prompts were last served, to the hour: written in the background. A prompt without a row was not served since
-- use is watched.
create table prompt_use (
  workspace_id    uuid not null,
  prompt_id       uuid not null,
  last_served_at  timestamptz not null,
  primary key (workspace_id, prompt_id)
);
call make_tenant_table('prompt_use');
-- Since when use is watched: before that nothing is known of it.
create table prompt_use_watch (
  only_row  boolean primary key default true check (only_row),
  since     timestamptz not null
);
insert into prompt_use_watch (since) values (now());
grant select on prompt_use_watch to ps_app;
grant select, insert, update, delete on prompt_use_watch to ps_system;

-- Rules that move prompts by themselves. `next_run_at` was reckoned at `scheduled_at`; null: the rule is off.
create table lifecycle_automation (
  workspace_id     uuid not null,
  id               uuid not null,
  name             text collate "C" not null,
  rule             jsonb not null,
  enabled          boolean not null,
  disabled_reason  text,
  saved_by         text not null,
  saved_at         timestamptz not null,
  revision         int not null check (revision >= 1),
  scheduled_at     timestamptz not null,
  next_run_at      timestamptz,
  primary key (workspace_id, id),
  unique (workspace_id, name)
);
call make_tenant_table('lifecycle_automation');
create index lifecycle_automation_due on lifecycle_automation (next_run_at) where next_run_at is not null;

-- A run keeps the rule as it was. Who works on it holds `claim`: whoever takes it over sets another one.
create table lifecycle_automation_run (
  workspace_id      uuid not null,
  id                uuid not null,
  automation_id     uuid,
  revision          int,
  rule              jsonb not null,
  acts_for          text not null,
  requested_by      text not null,
  reason            text,
  trigger           text not null check (trigger in ('schedule', 'manual', 'dry_run')),
  status            text not null check (status in ('queued', 'running', 'needs_confirmation', 'succeeded', 'failed', 'cancelled')),
  claim             uuid,
  tries             int not null default 0,
  -- When it was made, taken, or came on last: one that stands still for long has lost its job, and gets another.
  worked_at         timestamptz not null,
  prompts           int not null default 0,
  examined          int not null default 0,
  examined_to       uuid,
  examined_all      boolean not null default false,
  matched           int not null default 0,
  not_applicable    int not null default 0,
  condition_errors  int not null default 0,
  error_samples     jsonb not null default '[]',
  error             text,
  confirmed_by      text,
  confirmed_at      timestamptz,
  created_at        timestamptz not null,
  started_at        timestamptz,
  finished_at       timestamptz,
  primary key (workspace_id, id)
);
call make_tenant_table('lifecycle_automation_run');
create index lifecycle_automation_run_by_rule on lifecycle_automation_run (workspace_id, automation_id, id);
create index lifecycle_automation_run_open on lifecycle_automation_run (workspace_id, automation_id) where status in ('queued', 'running', 'needs_confirmation');
create index lifecycle_automation_run_working on lifecycle_automation_run (worked_at) where status in ('queued', 'running');
create index lifecycle_automation_run_by_age on lifecycle_automation_run (created_at);

-- What became of a prompt in a run: once, whoever works on it. `found` waits for its turn.
create table lifecycle_automation_outcome (
  workspace_id  uuid not null,
  run_id        uuid not null,
  prompt_id     uuid not null,
  category      text collate "C" not null,
  name          text not null,
  outcome       text not null check (outcome in ('found', 'applied', 'would_apply', 'blocked', 'skipped', 'failed')),
  problem       jsonb,
  at            timestamptz not null,
  primary key (workspace_id, run_id, prompt_id),
  foreign key (workspace_id, run_id) references lifecycle_automation_run (workspace_id, id) on delete cascade
);
call make_tenant_table('lifecycle_automation_outcome');
create index lifecycle_automation_outcome_open on lifecycle_automation_outcome (workspace_id, run_id, prompt_id) where outcome = 'found';
