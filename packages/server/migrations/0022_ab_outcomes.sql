-- What became of units that were served variants, and what is counted of it (ADR 26).

-- Which exposures are new since the last count is told by their transaction, as of outcomes.
alter table ab_exposure add column xid xid8 not null default pg_current_xact_id();
create index ab_exposure_by_xid on ab_exposure (xid);

-- One row for each outcome: kept as long as its test may be counted again. Whole numbers: millionths of scores and
-- satisfaction, microseconds, micro-dollars. `claimed` is the variant that the caller names, empty without one. `bin`s are
-- those of a sketch with 1 % relative error. There is no key: nobody asks for a single row.
create table ab_outcome (
  xid           xid8 not null default pg_current_xact_id(),
  workspace_id  uuid not null,
  test_id       uuid not null,
  unit_hash     bytea not null,
  at            timestamptz not null,
  claimed       text collate "C" not null,
  success       smallint,
  score         bigint,
  latency_us    bigint,
  cost_micros   bigint,
  tokens        bigint,
  satisfaction  bigint,
  latency_bin   smallint,
  cost_bin      smallint,
  tokens_bin    smallint,
  metadata      jsonb
);
call make_tenant_table('ab_outcome');
create index ab_outcome_by_xid on ab_outcome (xid);
create index ab_outcome_by_unit on ab_outcome (workspace_id, test_id, unit_hash);

-- Which outcomes were taken in the last 30 days: hashes of workspace, test and `eventId`.
create table ab_outcome_id (
  workspace_id  uuid not null,
  id            uuid not null,
  received_on   date not null,
  primary key (workspace_id, id)
);
call make_tenant_table('ab_outcome_id');
create index ab_outcome_id_by_age on ab_outcome_id (received_on);

-- What a unit's outcomes under a variant add up to, by metric: while it was exposed, and before its first exposure. `phase`
-- is that of its first exposure to the variant; `moved`: it had another variant before.
create table ab_unit (
  workspace_id  uuid not null,
  test_id       uuid not null,
  unit_hash     bytea not null,
  variant       text collate "C" not null,
  metric        smallint not null,
  phase         int not null,
  moved         boolean not null,
  n             bigint not null,
  sum           numeric not null,
  earlier_n     bigint not null,
  earlier_sum   numeric not null,
  primary key (workspace_id, test_id, unit_hash, variant, metric)
) with (fillfactor = 80);
call make_tenant_table('ab_unit');

-- What the units of a variant add up to: all that an analysis needs. D is a unit's outcomes, M their sum, X its earlier mean.
-- Exact whole numbers, so that counting again gives the same row.
create table ab_sum (
  workspace_id   uuid not null,
  test_id        uuid not null,
  phase          int not null,
  variant        text collate "C" not null,
  moved          boolean not null,
  metric         smallint not null,
  units          bigint not null,
  n              numeric not null,
  sum            numeric not null,
  nn             numeric not null,
  ss             numeric not null,
  ns             numeric not null,
  earlier_units  bigint not null,
  x              numeric not null,
  xx             numeric not null,
  nx             numeric not null,
  sx             numeric not null,
  earlier_n      numeric not null,
  earlier_sum    numeric not null,
  primary key (workspace_id, test_id, phase, variant, moved, metric)
) with (fillfactor = 70);
call make_tenant_table('ab_sum');

-- How many outcomes have a value about so large, for quantiles.
create table ab_bin (
  workspace_id  uuid not null,
  test_id       uuid not null,
  metric        smallint not null,
  phase         int not null,
  variant       text collate "C" not null,
  bin           smallint not null,
  n             bigint not null,
  primary key (workspace_id, test_id, metric, phase, variant, bin)
) with (fillfactor = 70);
call make_tenant_table('ab_bin');

-- Outcomes by hour, for plots.
create table ab_series (
  workspace_id  uuid not null,
  test_id       uuid not null,
  at            timestamptz not null,
  variant       text collate "C" not null,
  metric        smallint not null,
  n             bigint not null,
  sum           numeric not null,
  primary key (workspace_id, test_id, at, variant, metric)
) with (fillfactor = 70);
call make_tenant_table('ab_series');

-- Units by the phase and the variant of their first exposure: what the sample-ratio check looks at.
create table ab_exposed (
  workspace_id  uuid not null,
  test_id       uuid not null,
  phase         int not null,
  variant       text collate "C" not null,
  units         bigint not null,
  primary key (workspace_id, test_id, phase, variant)
) with (fillfactor = 70);
call make_tenant_table('ab_exposed');

-- What became of the outcomes of a test.
create table ab_tally (
  workspace_id   uuid not null,
  test_id        uuid not null,
  counted        bigint not null,
  earlier        bigint not null,
  unexposed      bigint not null,
  contradicting  bigint not null,
  primary key (workspace_id, test_id)
) with (fillfactor = 70);
call make_tenant_table('ab_tally');

-- What was told of a running test, so that it is told once.
create table ab_watch (
  workspace_id     uuid not null,
  test_id          uuid not null,
  ratio_alarmed_at timestamptz not null,
  primary key (workspace_id, test_id)
);
call make_tenant_table('ab_watch');

-- Outcomes and exposures of transactions before `horizon` are counted. Whoever has the lock of this row is the one that
-- counts. `counted_by` is null at the beginning and after a restore, where the numbers of transactions mean nothing: then all
-- is counted again.
create table ab_fold (
  only_row    boolean primary key default true check (only_row),
  horizon     xid8 not null default '0',
  counted_by  xid8
);
insert into ab_fold (horizon) values ('0');
alter table ab_fold enable row level security;
alter table ab_fold force row level security;
create policy across_workspaces on ab_fold to ps_system using (true) with check (true);
grant select, insert, update on ab_fold to ps_system;
