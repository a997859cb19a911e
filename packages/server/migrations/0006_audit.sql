-- The audit trail: what was done, written in the transaction that did it, and the blocks in which a sealer chains it later.
-- Both are append-only: by grant for the roles of the service, by trigger for everybody else.

create table audit_entry (
  workspace_id  uuid not null,
  -- Stands before `sequence`, so that a transaction has its id before it draws a number: the sealer counts on that.
  xid           xid8 not null default pg_current_xact_id(),
  sequence      bigint generated always as identity,
  at            timestamptz not null,
  actor         text not null,
  action        text collate "C" not null,
  subject       text not null,
  before_hash   bytea,
  after_hash    bytea,
  request_id    text not null,
  data          jsonb not null,
  primary key (workspace_id, sequence)
);
call make_tenant_table('audit_entry');
revoke update, delete on audit_entry from ps_app, ps_system;
create index audit_entry_by_sequence on audit_entry (sequence);
create index audit_entry_by_subject on audit_entry (workspace_id, subject, sequence);
grant select on sequence audit_entry_sequence_seq to ps_system;

-- One block seals the entries of one workspace that one pass found. `hashes` are those of the entries in order, 32 bytes
-- each; `previous` and `head` are the chain's value before and after them. All entries up to `through` are sealed.
create table audit_block (
  workspace_id    uuid not null,
  height          int not null check (height >= 1),
  number          bigint not null unique check (number >= 1),
  through         bigint not null,
  first_position  bigint not null,
  last_position   bigint not null,
  sequences       bigint[] not null,
  hashes          bytea not null,
  previous        bytea not null,
  head            bytea not null,
  sealed_at       timestamptz not null,
  key_id          text not null,
  signature       bytea not null,
  primary key (workspace_id, height),
  unique (workspace_id, last_position)
);
call make_tenant_table('audit_block');
revoke insert, update, delete on audit_block from ps_app;
revoke update, delete on audit_block from ps_system;

-- A migration that has to change the trail says so: set local app.audit_maintenance = 'on'.
create function refuse_change() returns trigger language plpgsql as $$
begin
  if current_user = 'ps_owner' and current_setting('app.audit_maintenance', true) = 'on' then return null; end if;
  raise exception 'the audit trail is append-only: % of % is refused', tg_op, tg_table_name using errcode = 'insufficient_privilege';
end $$;
create trigger append_only before update or delete or truncate on audit_entry for each statement execute function refuse_change();
create trigger append_only before update or delete or truncate on audit_block for each statement execute function refuse_change();
