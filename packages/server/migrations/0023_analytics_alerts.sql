-- What a workspace wants to be told of its measurements (ADR 27). `rule` is what was asked for, `turning_at` since when it
-- looks as if the state ought to change, `baseline` what deviations are reckoned from: made anew every hour.
create table analytics_alert (
  workspace_id   uuid not null,
  id             uuid not null,
  name           text collate "C" not null,
  position       int not null,
  rule           jsonb not null,
  state          text not null check (state in ('ok', 'firing')),
  since          timestamptz not null,
  turning_at     timestamptz,
  evaluated_at   timestamptz,
  evaluation     jsonb,
  baseline       jsonb,
  saved_by       text not null,
  saved_at       timestamptz not null,
  primary key (workspace_id, id),
  unique (workspace_id, name)
);
call make_tenant_table('analytics_alert');
