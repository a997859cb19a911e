import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { Client } from '../../packages/server/src/infrastructure/postgres/client.ts'
import { cloneDatabase } from '../../packages/server/src/testing/index.ts'
import { dumpSchema } from './schema-dump.ts'

async function dumpAfter(...statements: string[]): Promise<string> {
  const database = await cloneDatabase()
  onTestFinished(() => database.drop())
  for (const statement of statements) await database.query(statement)
  const client = new Client({ connectionString: database.url })
  await client.connect()
  try {
    return await dumpSchema(client)
  } finally {
    await client.end()
  }
}

const committed = readFileSync(join(import.meta.dirname, '../../packages/server/migrations/schema.sql'), 'utf8')
const linesOf = (text: string) => text.split('\n').map((line) => line.replace(/,$/, ''))
const added = (dump: string) => linesOf(dump).filter((line) => line !== '' && !linesOf(committed).includes(line))

test('the committed schema is what the migrations make, on whichever version of PostgreSQL this runs', async () => {
  expect(await dumpAfter()).toBe(committed)
})

test.each<[string, string, string[]]>([
  ['a column', "alter table workspace add plan text not null default 'free'", ["  plan text default 'free'::text not null"]],
  [
    'a generated column',
    'alter table workspace add loud text generated always as (upper(name)) stored',
    ['  loud text generated always as (upper(name)) stored'],
  ],
  ['a constraint', "alter table workspace add constraint named check (name <> '')", ["  constraint named CHECK ((name <> ''::text))"]],
  ['an index', 'create index by_name on workspace (name)', ['CREATE INDEX by_name ON public.workspace USING btree (name);']],
  [
    'a policy',
    'create policy p on workspace for update to ps_app using (true) with check (false)',
    ['create policy p on workspace as permissive for update to ps_app using (true) with check (false);'],
  ],
  ['a grant', 'grant truncate on workspace to ps_app', ['grant select, truncate, update on workspace to ps_app;']],
  ['a grant of a column', 'grant update (name) on workspace to ps_app', ['grant update (name) on workspace to ps_app;']],
  ['a view', 'create view one as select 1 as one', ['create view one as', ' SELECT 1 AS one;']],
  ['an enum', "create type mood as enum ('good', 'bad')", ["create type mood as enum ('good', 'bad');"]],
  [
    'a partitioned table',
    'create table parts (id int) partition by hash (id)',
    ['create table parts (', '  id integer', ') partition by HASH (id);'],
  ],
])('%s shows', async (_what, statement, lines) => {
  expect(added(await dumpAfter(statement))).toEqual(lines)
})

test('a trigger and its function show, and what is taken away is gone', async () => {
  const dump = await dumpAfter(
    'create function nothing() returns trigger language plpgsql as $$ begin return new; end $$',
    'create trigger t before insert on workspace for each row execute function nothing()',
    'alter table prompt disable row level security',
  )
  expect(dump).toContain('CREATE OR REPLACE FUNCTION public.nothing()')
  expect(dump).toContain('CREATE TRIGGER t BEFORE INSERT ON public.workspace FOR EACH ROW EXECUTE FUNCTION nothing();')
  expect(committed).toContain('alter table prompt enable row level security;')
  expect(dump).not.toContain('alter table prompt enable row level security;')
})
