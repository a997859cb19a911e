-- Documents: texts and addresses that prompts refer to. A URI is ASCII (RFC 3986), so its index entry is never too long.
create table document (
  workspace_id  uuid not null,
  id            uuid not null,
  uri           text collate "C" check (octet_length(uri) between 1 and 2000),
  title         text not null,
  media_type    text not null,
  text          text,
  text_bytes    int not null,
  metadata      jsonb not null,
  created_by    text not null,
  created_at    timestamptz not null,
  updated_at    timestamptz not null,
  revision      int not null check (revision >= 1),
  primary key (workspace_id, id)
);
call make_tenant_table('document');
create unique index document_by_uri on document (workspace_id, uri) where uri is not null;

create table document_link (
  workspace_id  uuid not null,
  prompt_id     uuid not null,
  document_id   uuid not null,
  position      int not null,
  note          text not null,
  linked_by     text not null,
  linked_at     timestamptz not null,
  primary key (workspace_id, prompt_id, document_id),
  foreign key (workspace_id, document_id) references document (workspace_id, id)
);
call make_tenant_table('document_link');
create index document_link_by_document on document_link (workspace_id, document_id, prompt_id);
