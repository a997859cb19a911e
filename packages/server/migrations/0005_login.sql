-- People log in by OIDC: attempts that are under way, and the sessions that came of them. Neither belongs to a
-- workspace: one session serves all workspaces of its person. Like people, only ps_system sees them.

-- Of the two secrets of an attempt, the state in the address and the cookie of the browser, only SHA-256 are kept;
-- nonce and PKCE verifier are derived from both. The row goes when the attempt is finished.
create table login_attempt (
  state_hash    text primary key,
  browser_hash  text not null,
  return_to     text not null,
  expires_at    timestamptz not null
);
create index login_attempt_by_expiry on login_attempt (expires_at);

-- Of a session's token only the SHA-256 is kept.
create table session (
  id            uuid primary key,
  token_hash    text not null unique,
  person_id     uuid not null references person (id) on delete cascade,
  created_at    timestamptz not null,
  last_seen_at  timestamptz not null,
  expires_at    timestamptz not null
);
create index session_by_person on session (person_id);
create index session_by_expiry on session (expires_at);

alter table login_attempt enable row level security;
alter table login_attempt force row level security;
create policy across_workspaces on login_attempt to ps_system using (true) with check (true);
grant select, insert, update, delete on login_attempt to ps_system;

alter table session enable row level security;
alter table session force row level security;
create policy across_workspaces on session to ps_system using (true) with check (true);
grant select, insert, update, delete on session to ps_system;
