-- Single events of a workspace before this day (UTC) may be gone: what is counted of these days is all that there is, and is
-- never counted anew, however long events are kept from now on. No row: none was deleted yet.
create table usage_purged (
  workspace_id  uuid primary key,
  before        date not null
);
call make_tenant_table('usage_purged');
