-- Tests of variants of prompts, and who has seen which variant.

-- What is asked by, in columns; the rest of the design in one piece. `control_id` is the prompt of the first variant.
create table ab_test (
  workspace_id  uuid not null,
  id            uuid not null,
  name          text collate "C" not null,
  status        text not null check (status in ('draft', 'running', 'paused', 'completed')),
  control_id    uuid not null,
  design        jsonb not null,
  phases        jsonb not null,
  winner        text,
  decision      jsonb,
  started_at    timestamptz,
  ended_at      timestamptz,
  created_by    text not null,
  created_at    timestamptz not null,
  updated_at    timestamptz not null,
  revision      int not null check (revision >= 1),
  primary key (workspace_id, id)
);
call make_tenant_table('ab_test');
create index ab_test_going on ab_test (workspace_id, status, id) where status in ('running', 'paused');
create index ab_test_by_name on ab_test (workspace_id, name, id);

-- Who was served what: once for each unit and phase, by the keyed hash that measurements know users by. Units come first
-- in the key, so that a unit's first exposure is found whatever the phase.
create table ab_exposure (
  workspace_id  uuid not null,
  test_id       uuid not null,
  unit_hash     bytea not null,
  phase         int not null check (phase >= 1),
  variant       text collate "C" not null,
  checksum      text collate "C" not null,
  first_at      timestamptz not null,
  primary key (workspace_id, test_id, unit_hash, phase)
);
call make_tenant_table('ab_exposure');
