-- Measurements: raw rows by day, and what is counted of them (ADR 20).

-- Which days have a partition. A row here makes it, and its removal removes it: whoever adds rows adds their day before.
create table usage_day (
  day  date primary key
);
alter table usage_day enable row level security;
alter table usage_day force row level security;
create policy across_workspaces on usage_day to ps_system using (true) with check (true);
grant select, insert, delete on usage_day to ps_system;

-- What an event was measured at, each combination once. Numbers begin at 1 in each workspace and have no gaps; 0 is the sum
-- of all, -1 what is beyond the limit of series. An empty text, the version 0: not said.
create table usage_series (
  workspace_id  uuid not null,
  id            int not null,
  prompt_id     uuid not null,
  version       int not null,
  label         text collate "C" not null,
  provider      text collate "C" not null,
  model         text collate "C" not null,
  service       text collate "C" not null,
  variant       text collate "C" not null,
  operation     text collate "C" not null,
  primary key (workspace_id, id)
);
call make_tenant_table('usage_series');
create unique index usage_series_once on usage_series (workspace_id, prompt_id, version, label, provider, model, service, variant, operation);

-- One row for each event. `flags`: 1 = it succeeded, 2 = it is a rating. `score` counts ten-thousandths. `rest` is what is
-- kept but not counted. There is no key: nobody asks for a single row, and an index would cost as much as the row.
create table usage_event (
  xid            xid8 not null default pg_current_xact_id(),
  occurred_at    timestamptz not null,
  latency_us     bigint not null,
  cost_micros    bigint,
  workspace_id   uuid not null,
  series         int not null,
  input_tokens   int not null,
  output_tokens  int not null,
  cached_tokens  int,
  ttft_us        int,
  score          smallint,
  flags          smallint not null,
  user_hash      bytea,
  rest           jsonb
) partition by range (occurred_at);
call make_tenant_table('usage_event');
-- Rows of one commit are one entry of this index.
create index usage_event_by_xid on usage_event (xid);

-- The partitions: nobody but their owner may name them.
create schema if not exists usage_days;
create function open_usage_day() returns trigger language plpgsql security definer set search_path = pg_catalog as $$
declare name text := 'd' || to_char(new.day, 'YYYYMMDD');
begin
  execute format('create table usage_days.%I (like public.usage_event including all)', name);
  execute format('alter table public.usage_event attach partition usage_days.%I for values from (%L) to (%L)',
    name, new.day::timestamp at time zone 'UTC', (new.day + 1)::timestamp at time zone 'UTC');
  return null;
end $$;
create function drop_usage_day() returns trigger language plpgsql security definer set search_path = pg_catalog as $$
begin
  execute format('drop table usage_days.%I', 'd' || to_char(old.day, 'YYYYMMDD'));
  return null;
end $$;
create trigger opens_partition after insert on usage_day for each row execute function open_usage_day();
create trigger drops_partition after delete on usage_day for each row execute function drop_usage_day();

-- Which events were taken in the last 30 days: hashes of workspace and `eventId`.
create table usage_event_id (
  id           uuid primary key,
  received_on  date not null
);
alter table usage_event_id enable row level security;
alter table usage_event_id force row level security;
create policy across_workspaces on usage_event_id to ps_system using (true) with check (true);
grant select, insert, delete on usage_event_id to ps_system;
create index usage_event_id_by_age on usage_event_id (received_on);

-- Sums by hour (0), day (1) and month (2), in whole numbers, so that counting again gives the same row to the bit.
create table usage_rollup (
  workspace_id    uuid not null,
  grain           smallint not null,
  at              timestamptz not null,
  series          int not null,
  requests        bigint not null,
  errors          bigint not null,
  unpriced        bigint not null,
  input_tokens    bigint not null,
  output_tokens   bigint not null,
  cached_tokens   bigint not null,
  cost_micros     bigint not null,
  latency_us      bigint not null,
  ttft_us         bigint not null,
  ttft_count      bigint not null,
  ratings         bigint not null,
  score           bigint not null,
  latency_sketch  bytea not null,
  tokens_sketch   bytea not null,
  cost_sketch     bytea not null,
  users_sketch    bytea not null,
  primary key (workspace_id, grain, at, series)
) with (fillfactor = 70);
call make_tenant_table('usage_rollup');

-- Users by day, at most 10,000 of a workspace; the empty one stands for all others.
create table usage_user (
  workspace_id  uuid not null,
  at            timestamptz not null,
  user_hash     bytea not null,
  requests      bigint not null,
  errors        bigint not null,
  tokens        bigint not null,
  cost_micros   bigint not null,
  primary key (workspace_id, at, user_hash)
) with (fillfactor = 70);
call make_tenant_table('usage_user');

-- Rows of transactions before `horizon` are counted. Whoever has the lock of this row is the one that counts. `counted_by`
-- is null at the beginning and after a restore, where the numbers of transactions mean nothing: then all is counted again.
create table usage_fold (
  only_row    boolean primary key default true check (only_row),
  horizon     xid8 not null default '0',
  counted_by  xid8
);
insert into usage_fold (horizon) values ('0');
alter table usage_fold enable row level security;
alter table usage_fold force row level security;
create policy across_workspaces on usage_fold to ps_system using (true) with check (true);
create policy visible on usage_fold for select to ps_app using (true);
grant select on usage_fold to ps_app;
grant select, insert, update on usage_fold to ps_system;

create table usage_setting (
  workspace_id    uuid primary key,
  retention_days  int not null check (retention_days between 1 and 400),
  user_ids        text not null check (user_ids in ('hashed', 'plain')),
  prices          jsonb not null,
  updated_by      text not null,
  updated_at      timestamptz not null,
  revision        int not null
);
call make_tenant_table('usage_setting');
