-- Policies of the lifecycle: what a change of what callers are served needs. A scope is `workspace`, `category:<name>` or `label:<label>`.
create table lifecycle_policy (
  workspace_id   uuid not null,
  scope          text collate "C" not null,
  approvals      int not null check (approvals between 0 and 10),
  checks         text[] not null,
  "freeze"       jsonb not null,
  compatibility  text not null check (compatibility in ('none', 'backward')),
  updated_by     text not null,
  updated_at     timestamptz not null,
  revision       int not null check (revision >= 1),
  primary key (workspace_id, scope)
);
call make_tenant_table('lifecycle_policy');

-- Reviews: a version of a prompt, frozen, against a base. The checksum says which text was approved; it goes with the text.
create table review (
  workspace_id  uuid not null,
  id            uuid not null,
  prompt_id     uuid not null,
  version       int not null,
  base_version  int,
  checksum      text,
  author        text not null,
  title         text not null,
  description   text not null,
  status        text not null check (status in ('open', 'changes_requested', 'approved', 'rejected', 'published', 'closed')),
  publish       jsonb not null,
  publish_at    timestamptz,
  publish_by    text,
  requested_by  text not null,
  requested_at  timestamptz not null,
  updated_at    timestamptz not null,
  revision      int not null check (revision >= 1),
  primary key (workspace_id, id)
);
call make_tenant_table('review');
create index review_by_prompt on review (workspace_id, prompt_id);
create index review_due on review (publish_at) where publish_at is not null;

-- What was said and done in a review, in order. A decision counts until it is dismissed or its giver decides anew.
create table review_entry (
  workspace_id  uuid not null,
  review_id     uuid not null,
  n             int not null check (n >= 1),
  kind          text not null check (kind in ('comment', 'approved', 'changes_requested', 'rejected', 'dismissed', 'scheduled', 'published', 'publish_failed', 'closed')),
  by            text not null,
  at            timestamptz not null,
  body          text,
  anchor        jsonb,
  in_reply_to   int,
  stands        boolean not null,
  primary key (workspace_id, review_id, n),
  foreign key (workspace_id, review_id) references review (workspace_id, id)
);
call make_tenant_table('review_entry');
