-- When each scheduled job is due next: whoever moves it on leaves the job, in one statement.
create table job_schedule (
  name    text primary key,
  cron    text not null,
  due_at  timestamptz not null
);
grant select, insert, update on job_schedule to ps_system;

-- Dead letters: jobs that have failed as often as they may. They wait to be run again or thrown away.
create table dead_job (
  workspace_id  uuid not null,
  id            uuid not null,
  name          text not null,
  payload       jsonb not null,
  origin        jsonb not null,
  tries         int not null check (tries >= 1),
  error         text not null,
  enqueued_at   timestamptz not null,
  failed_at     timestamptz not null,
  primary key (workspace_id, id)
);
call make_tenant_table('dead_job');
create index dead_job_by_age on dead_job (workspace_id, failed_at desc, id desc);
