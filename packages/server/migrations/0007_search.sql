-- Search: one document per live prompt, made of its newest version; statistics of words; vectors. All of it follows the
-- change feed and can be made anew from the prompts.
create extension if not exists pg_trgm;

-- How far the index has followed the feed, and how far a walk over all prompts (after an upgrade, a rebuild) has come.
-- Whoever has its lock is the one indexer of the cluster. `walk_after` is the last key walked; null: from the beginning.
create table search_progress (
  only_row        boolean primary key default true check (only_row),
  position        bigint not null,
  index_version   int not null,
  walking         boolean not null,
  walk_workspace  uuid,
  walk_prompt     uuid
);
insert into search_progress (position, index_version, walking) values (0, 0, true);
grant select on search_progress to ps_app;
grant select, update on search_progress to ps_system;

-- `terms` and `title_terms` are numbers of words (search_term.id); `weights` holds the words' frequencies (see
-- domain/search/model/weights.ts). `text_hash` changes with what is searched.
create table search_document (
  workspace_id     uuid not null,
  prompt_id        uuid not null,
  revision         int not null,
  category         text collate "C" not null,
  tags             text[] collate "C" not null,
  status           text not null,
  author           text collate "C" not null,
  is_template      boolean not null,
  labels           text[] collate "C" not null,
  updated_at       timestamptz not null,
  terms            int[] not null,
  title_terms      int[] not null,
  weights          bytea not null,
  text_hash        text not null,
  primary key (workspace_id, prompt_id)
);
call make_tenant_table('search_document');
-- A search reads the weights of many documents: they stay uncompressed and on the row's own page as long as they fit.
alter table search_document alter column weights set storage external;
alter table search_document alter column terms set storage external;
alter table search_document set (toast_tuple_target = 8160);
create index search_document_by_term on search_document using gin (terms) with (gin_pending_list_limit = 256);
create index search_document_by_title_term on search_document using gin (title_terms) with (gin_pending_list_limit = 256);
create index search_document_by_updated on search_document (workspace_id, updated_at, prompt_id);

-- Words and in how many documents they are.
create table search_term (
  workspace_id  uuid not null,
  term          text collate "C" not null,
  id            int generated always as identity,
  documents     int not null,
  primary key (workspace_id, term)
) with (fillfactor = 80);
call make_tenant_table('search_term');
create unique index search_term_by_id on search_term (workspace_id, id);
create index search_term_by_trigram on search_term using gin (term gin_trgm_ops);

create table search_statistics (
  workspace_id  uuid primary key,
  documents     int not null
);
call make_tenant_table('search_statistics');

-- Unit vectors of 8 bits a dimension. An empty one is a prompt that is gone. `xid` tells readers what is new.
create table search_vector (
  workspace_id  uuid not null,
  prompt_id     uuid not null,
  model         text not null,
  dimensions    int not null,
  vector        bytea not null,
  xid           xid8 not null default pg_current_xact_id(),
  primary key (workspace_id, prompt_id)
);
call make_tenant_table('search_vector');
create index search_vector_by_xid on search_vector (workspace_id, xid);
alter table search_vector alter column vector set storage external;

-- Documents whose vector has to be made, and until when somebody works on it. A table of its own: a mark on the document
-- would write all its index entries anew.
create table search_vector_due (
  workspace_id   uuid not null,
  prompt_id      uuid not null,
  text_hash      text not null,
  claimed_until  timestamptz,
  primary key (workspace_id, prompt_id)
);
call make_tenant_table('search_vector_due');
