-- Webhooks: who is told of events by HTTP, what is to be sent, and what came of each attempt.

create table webhook (
  workspace_id     uuid not null,
  id               uuid not null,
  name             text not null,
  url              text not null,
  events           text[] not null,
  filter           text,
  active           boolean not null,
  -- Pauses before each retry in seconds; null: the service's own schedule.
  retry_schedule   int[],
  timeout_ms       int not null,
  -- Names and values of its headers, sealed (AES-256-GCM); null: none.
  headers          text,
  signing          text not null,
  disabled_reason  text,
  disabled_at      timestamptz,
  -- It is told of what stands after this in the feed; null until the planner has met the event that made it active.
  from_position    bigint,
  created_by       text not null,
  created_at       timestamptz not null,
  updated_at       timestamptz not null,
  revision         int not null,
  primary key (workspace_id, id)
);
call make_tenant_table('webhook');
create index webhook_by_created on webhook (workspace_id, created_at, id);

-- Several of one webhook sign at the same time while one takes the other's place.
create table webhook_secret (
  workspace_id  uuid not null,
  webhook_id    uuid not null,
  id            uuid not null,
  sealed        text not null,
  created_at    timestamptz not null,
  expires_at    timestamptz,
  primary key (workspace_id, webhook_id, id)
);
call make_tenant_table('webhook_secret');

-- How its receiver does: apart from the webhook, since it changes with the attempts. `blocked_at` and `slow_at` say when
-- that was decided: a time that lies ahead of the clock tells that the clock was set back.
create table webhook_health (
  workspace_id     uuid not null,
  webhook_id       uuid not null,
  minutes          jsonb not null default '[]',
  tripped          boolean not null default false,
  blocked_at       timestamptz,
  blocked_until    timestamptz,
  slow_until       timestamptz,
  failing_since    timestamptz,
  failures         int not null default 0,
  last_success_at  timestamptz,
  filter_error     text,
  filter_error_at  timestamptz,
  primary key (workspace_id, webhook_id)
) with (fillfactor = 50);
call make_tenant_table('webhook_health');

-- One event (or a test: no event) for one webhook. `tries` counts attempts since it was scheduled last, `attempts` all.
create table webhook_delivery (
  workspace_id     uuid not null,
  id               uuid not null,
  webhook_id       uuid not null,
  event_id         bigint,
  message_id       text not null,
  type             text not null,
  subject          text not null,
  replay_id        uuid,
  state            text not null,
  tries            int not null default 0,
  attempts         int not null default 0,
  created_at       timestamptz not null,
  scheduled_at     timestamptz not null,
  next_attempt_at  timestamptz,
  claim_token      uuid,
  claimed_at       timestamptz,
  claimed_until    timestamptz,
  finished_at      timestamptz,
  primary key (workspace_id, id)
) with (fillfactor = 80);
call make_tenant_table('webhook_delivery');
-- What is due, webhook by webhook: of each only its share is looked at, so that a dead one's backlog costs the others nothing.
create index webhook_delivery_due on webhook_delivery (webhook_id, next_attempt_at) where state = 'pending';
create index webhook_delivery_by_webhook on webhook_delivery (workspace_id, webhook_id, id);
create index webhook_delivery_pending_event on webhook_delivery (event_id) where state = 'pending';
alter table webhook_delivery set (autovacuum_vacuum_scale_factor = 0.02);

create table webhook_attempt (
  workspace_id      uuid not null,
  delivery_id       uuid not null,
  attempt           int not null,
  at                timestamptz not null,
  took_ms           int not null,
  failure           text,
  detail            text,
  status            int,
  address           text,
  request_headers   jsonb not null,
  response_headers  jsonb,
  response_body     text,
  truncated         boolean not null default false,
  next_attempt_at   timestamptz,
  primary key (workspace_id, delivery_id, attempt)
);
call make_tenant_table('webhook_attempt');

create table webhook_replay (
  workspace_id  uuid not null,
  id            uuid not null,
  webhook_id    uuid not null,
  selection     jsonb not null,
  dry_run       boolean not null,
  status        text not null,
  position      bigint not null,
  last_position bigint not null,
  done          int not null,
  total         int not null,
  matched       int not null,
  error         text,
  created_by    text not null,
  created_at    timestamptz not null,
  started_at    timestamptz,
  finished_at   timestamptz,
  primary key (workspace_id, webhook_id, id)
);
call make_tenant_table('webhook_replay');

-- How far deliveries have been planned. Whoever has its lock is the one planner of the cluster.
create table webhook_progress (
  only_row  boolean primary key default true check (only_row),
  position  bigint not null
);
insert into webhook_progress (position) select position from feed_head;
grant select on webhook_progress to ps_app;
grant select, update on webhook_progress to ps_system;
