-- How prompts relate to each other. `includes` and `derived_from` are kept by the service, all others are said by people.
create table relationship (
  workspace_id  uuid not null,
  id            uuid not null,
  source_id     uuid not null,
  target_id     uuid not null,
  type          text collate "C" not null check (type in ('extends', 'references', 'includes', 'alternative', 'similar', 'derived_from', 'replaces', 'depends_on', 'conflicts_with')),
  strength      double precision not null check (strength between 0 and 1),
  metadata      jsonb not null,
  created_by    text not null,
  created_at    timestamptz not null,
  updated_at    timestamptz not null,
  revision      int not null check (revision >= 1),
  primary key (workspace_id, id),
  constraint relationship_once unique (workspace_id, source_id, target_id, type),
  check (source_id <> target_id),
  foreign key (workspace_id, source_id) references prompt (workspace_id, id),
  foreign key (workspace_id, target_id) references prompt (workspace_id, id)
);
call make_tenant_table('relationship');
create index relationship_by_target on relationship (workspace_id, target_id, source_id);
-- What has no direction is said once.
create unique index relationship_once_symmetric on relationship (workspace_id, type, least(source_id, target_id), greatest(source_id, target_id))
  where type in ('alternative', 'similar', 'conflicts_with');

-- What the prompts that are here already include (by the versions that they serve or have newest) and derive from.
-- As ps_system: the tables show their owner nothing. The ids are UUIDv7 (RFC 9562).
set local role ps_system;
insert into relationship (workspace_id, id, source_id, target_id, type, strength, metadata, created_by, created_at, updated_at, revision)
select workspace_id,
  encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
    placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6), 52, 1), 53, 1), 'hex')::uuid,
  source_id, target_id, type, 1, metadata, created_by, created_at, created_at, 1
from (
  select distinct on (p.workspace_id, p.id, i.target_id)
    p.workspace_id, p.id as source_id, i.target_id, 'includes' as type, '{}'::jsonb as metadata, v.created_by, v.created_at
  from prompt p
  join prompt_include i on i.workspace_id = p.workspace_id and i.prompt_id = p.id and i.target_id <> p.id
  join prompt_version v on v.workspace_id = p.workspace_id and v.prompt_id = p.id and v.version = i.version
  where i.version = p.version
    or exists (select 1 from prompt_label l where l.workspace_id = p.workspace_id and l.prompt_id = p.id and l.version = i.version)
  order by p.workspace_id, p.id, i.target_id, i.version
) included
union all
select p.workspace_id,
  encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
    placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6), 52, 1), 53, 1), 'hex')::uuid,
  p.id, p.parent_prompt_id, 'derived_from', 1, jsonb_build_object('version', p.parent_version), p.created_by, p.created_at, p.created_at, 1
from prompt p where p.parent_prompt_id is not null;
set local role ps_owner;
