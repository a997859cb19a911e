-- The event log: what the feed told of one workspace, read in the order of the commits.
create index outbox_by_workspace on outbox (workspace_id, position) where position is not null;

-- Where the log of a workspace begins since older events were removed: all up to this position are gone, or are kept only
-- until they have been delivered. No row: nothing was ever removed.
create table event_log_start (
  workspace_id  uuid primary key,
  position      bigint not null,
  removed_at    timestamptz not null
);
call make_tenant_table('event_log_start');

-- How far each Redis Stream has been filled, by its name.
create table event_mirror (
  stream    text primary key,
  position  bigint not null
);
grant select on event_mirror to ps_app;
grant select, insert, update on event_mirror to ps_system;
