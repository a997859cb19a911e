-- A version whose text was removed for good says so: who asked, who confirmed, when and why.
alter table prompt_version add column redaction jsonb;

-- Two people redact: the first one asks, another one confirms or either withdraws.
create table prompt_redaction (
  workspace_id    uuid not null,
  id              uuid not null,
  prompt_id       uuid not null,
  version         int not null,
  reason          text not null,
  status          text not null check (status in ('requested', 'redacted', 'withdrawn', 'expired')),
  requested_by    text not null,
  requested_at    timestamptz not null,
  expires_at      timestamptz not null,
  decided_by      text,
  decided_at      timestamptz,
  -- The key of the text in shared caches, until it was deleted there.
  purge_checksum  text,
  primary key (workspace_id, id),
  foreign key (workspace_id, prompt_id, version) references prompt_version (workspace_id, prompt_id, version)
);
call make_tenant_table('prompt_redaction');
create unique index prompt_redaction_open on prompt_redaction (workspace_id, prompt_id, version) where status = 'requested';
create index prompt_redaction_to_purge on prompt_redaction (decided_at) where purge_checksum is not null;
