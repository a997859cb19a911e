import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bootstrapKey, type Call, startTestApp, type TestApp } from '../testing/index.ts'
import { makeFixtures } from './testing/walk.ts'

/** Tables of the schema public that belong to no workspace, and why. */
const withoutWorkspace: Readonly<Record<string, string>> = {
  ab_fold: 'how far outcomes of tests are counted: one row',
  schema_migration: 'which migrations have run; the same for all',
  search_progress: 'how far the search index has followed the feed: one row',
  event_mirror: 'how far each Redis Stream has been filled, with the feed of all workspaces',
  prompt_use_watch: 'since when use is watched: one time; the same for all',
  webhook_progress: 'how far deliveries to webhooks have been planned: one row',
  feed_head: 'the newest position of the change feed: one number',
  login_attempt: 'logins that are under way; nobody is known yet, and only ps_system sees them',
  job_schedule: 'when scheduled jobs are due next; only ps_system sees it',
  session: 'one session serves all workspaces of its person; only ps_system sees them',
  usage_day: 'which days have a partition of measurements; only ps_system sees them',
  usage_event_id: 'hashes of workspace and event, so that none is taken twice; only ps_system sees them',
  usage_fold: 'how far measurements are counted: one row',
  workspace: 'the workspaces themselves; a policy on the id shows each only its own',
  person: 'people, who may be members of several workspaces; only ps_system sees them',
}
/** Nothing of these can be changed or deleted, of whichever workspace. */
const appendOnly = ['audit_block', 'audit_entry']
const mine = '00000000-0000-7000-8000-000000000001'

let t: TestApp
let stranger: Call & { workspaceId: string }
let tables: string[]
beforeAll(async () => {
  t = await startTestApp()
  stranger = await t.stranger()
  for (const call of [t.owner, stranger]) await fill(call)
  await t.as('prompts:read')
  await t.app.audit.settle()
  const rows = await t.database.query<{ name: string }>(
    `select table_name as name from information_schema.columns where table_schema = 'public' and column_name = 'workspace_id' order by 1`,
  )
  tables = rows.map(({ name }) => name)
  for (const workspaceId of [mine, stranger.workspaceId]) await fillSearch(workspaceId)
})
afterAll(() => t.stop())

/** Leave a row in every table, by the API. */
async function fill(call: Call): Promise<void> {
  const { id, category, name } = await makeFixtures(call, t.database)
  const content = `{{> ${encodeURIComponent(category)}/${encodeURIComponent(name)}@production}}`
  expect((await call('POST', '/prompts', { content, category: 'c', name: 'includer' }, { 'idempotency-key': 'fill' })).status).toBe(201)
  expect((await call('PUT', `/prompts/${id}`, { name: 'renamed' })).status).toBe(200)
  expect((await call('PUT', `/prompts/${id}/lifecycle`, { status: 'review' })).status).toBe(200)
  expect((await call('POST', `/prompts/${id}/versions/1/redact`, { reason: 'Why not' })).status).toBe(200)
  await fillAnalytics(call)
}

/** Measurements, counted, and the wishes of a workspace. */
async function fillAnalytics(call: Call): Promise<void> {
  const { items } = (await call('GET', '/prompts')).body
  const event = {
    promptId: items[0].id,
    provider: 'p',
    model: 'm',
    inputTokens: 1,
    outputTokens: 1,
    latencyMs: 1,
    success: true,
    userId: 'u',
  }
  expect((await call('POST', '/analytics/usage', { ...event, eventId: 'e' })).status).toBe(202)
  expect((await call('PUT', '/analytics/settings', { userIds: 'plain' })).status).toBe(200)
  const rule = { name: 'low', metric: 'successRate', direction: 'below', threshold: 0.5 }
  expect((await call('PUT', '/analytics/alerts', { items: [rule] })).status).toBe(200)
  await t.app.analytics.settle()
}

/** What is counted of tests, as if outcomes had been told. */
const unitOfTest = `$1, '01900000-0000-7000-8000-00000000000b', '\\x01'`
const outcomesOfTests = [
  `insert into ab_exposure (workspace_id, test_id, unit_hash, phase, variant, checksum, first_at) values (${unitOfTest}, 1, 'A', 'c', now())`,
  `insert into ab_outcome (workspace_id, test_id, unit_hash, at, claimed, success) values (${unitOfTest}, now(), '', 1)`,
  `insert into ab_outcome_id (workspace_id, id, received_on) values ($1, gen_random_uuid(), now())`,
  `insert into ab_unit (workspace_id, test_id, unit_hash, variant, metric, phase, moved, n, sum, earlier_n, earlier_sum) values (${unitOfTest}, 'A', 1, 1, false, 1, 1, 0, 0)`,
  `insert into ab_sum (workspace_id, test_id, phase, variant, moved, metric, units, n, sum, nn, ss, ns, earlier_units, x, xx, nx, sx, earlier_n, earlier_sum)
   values ($1, '01900000-0000-7000-8000-00000000000b', 9, 'A', false, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)`,
  `insert into ab_bin (workspace_id, test_id, metric, phase, variant, bin, n) values ($1, '01900000-0000-7000-8000-00000000000b', 2, 9, 'A', 1, 1)`,
  `insert into ab_series (workspace_id, test_id, at, variant, metric, n, sum) values ($1, '01900000-0000-7000-8000-00000000000b', '2020-01-01', 'A', 1, 1, 1)`,
  `insert into ab_exposed (workspace_id, test_id, phase, variant, units) values ($1, '01900000-0000-7000-8000-00000000000b', 9, 'A', 1)`,
  `insert into ab_tally (workspace_id, test_id, counted, earlier, unexposed, contradicting) values ($1, '01900000-0000-7000-8000-00000000000c', 0, 0, 0, 0)`,
  `insert into ab_watch (workspace_id, test_id, ratio_alarmed_at) values ($1, '01900000-0000-7000-8000-00000000000b', now())`,
]

/** What is filled in the background, or only with an encoder. */
async function fillSearch(workspaceId: string): Promise<void> {
  const id = '01900000-0000-7000-8000-00000000000a'
  for (const statement of [
    `insert into search_document (workspace_id, prompt_id, revision, category, tags, status, author, is_template, labels, updated_at, terms, title_terms, weights, text_hash)
     values ($1, '${id}', 1, 'c', '{}', 'draft', 'a', false, '{}', now(), '{}', '{}', '', '')`,
    `insert into search_term (workspace_id, term, documents) values ($1, 'filled by hand', 1)`,
    'insert into search_statistics (workspace_id, documents) values ($1, 1) on conflict do nothing',
    `insert into search_vector (workspace_id, prompt_id, model, dimensions, vector) values ($1, '${id}', 'm', 1, '\\x01')`,
    `insert into search_vector_due (workspace_id, prompt_id, text_hash) values ($1, '${id}', '')`,
    'insert into event_log_start (workspace_id, position, removed_at) values ($1, 0, now())',
    ...outcomesOfTests,
    'insert into usage_purged (workspace_id, before) values ($1, current_date)',
    `insert into prompt_use (workspace_id, prompt_id, last_served_at) values ($1, '${id}', now())`,
    `insert into lifecycle_automation_outcome (workspace_id, run_id, prompt_id, category, name, outcome, at)
     select workspace_id, id, '${id}', 'c', 'n', 'found', now() from lifecycle_automation_run where workspace_id = $1 limit 1`,
    `insert into ab_exposure (workspace_id, test_id, unit_hash, phase, variant, checksum, first_at) values ($1, '${id}', '\\x01', 1, 'A', '', now())`,
  ])
    await t.database.query(statement, [workspaceId])
}

/** Statements in one transaction as a role, in a workspace or in none. */
async function as<R extends object>(role: string, workspaceId: string | undefined, text: string): Promise<R[]> {
  const client = new pg.Client(t.database.url)
  await client.connect()
  try {
    await client.query('begin')
    await client.query(`set local role ${role}`)
    if (workspaceId !== undefined) await client.query(`set local app.workspace_id = '${workspaceId}'`)
    return (await client.query<R>(text)).rows
  } finally {
    await client.end()
  }
}
const count = async (role: string, workspaceId: string | undefined, from: string): Promise<number> =>
  (await as<{ n: number }>(role, workspaceId, `select count(*)::int as n from ${from}`))[0]!.n

describe('the tables', () => {
  test('each carries a workspace, or is on the short list of those that need none', async () => {
    const all = await t.database.query<{ name: string }>(
      `select relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'public' and relkind in ('r', 'p', 'm', 'v', 'f') order by 1`,
    )
    expect(all.map(({ name }) => name).filter((name) => !tables.includes(name))).toEqual(Object.keys(withoutWorkspace).sort())
    expect(tables).toEqual(expect.arrayContaining(['api_key', 'idempotency_key', 'outbox', 'prompt', 'prompt_version', 'prompt_label']))
  })

  test('each that carries one has enabled and forced row-level security, and workspace_id first in its key', async () => {
    const weak = await t.database.query<{ name: string }>(
      `select relname as name from pg_class where oid::regclass::text = any($1) and not (relrowsecurity and relforcerowsecurity)`,
      [[...tables, 'workspace']],
    )
    expect(weak).toEqual([])
    const notFirst = await t.database.query<{ name: string }>(
      `select t.name from unnest($1::text[]) t(name) where t.name not in ('outbox', 'usage_event', 'ab_outcome') and not exists (
         select 1 from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
         where i.indrelid = t.name::regclass and i.indisprimary and a.attname = 'workspace_id')`,
      [tables],
    )
    expect(notFirst).toEqual([])
  })

  test('belong to ps_owner, which nobody logs in as', async () => {
    const owners = await t.database.query<{ owner: string }>(
      `select distinct pg_get_userbyid(relowner) as owner from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'public' and relkind = 'r'`,
    )
    expect(owners).toEqual([{ owner: 'ps_owner' }])
    const roles = await t.database.query(
      `select rolname, rolcanlogin, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb from pg_roles where rolname in ('ps_owner', 'ps_app', 'ps_system') order by 1`,
    )
    const weak = { rolcanlogin: false, rolsuper: false, rolbypassrls: false, rolcreaterole: false, rolcreatedb: false }
    expect(roles).toEqual(['ps_app', 'ps_owner', 'ps_system'].map((rolname) => ({ rolname, ...weak })))
  })
})

describe('ps_app', () => {
  test('sees no row of any table without a workspace', async () => {
    for (const table of [...tables, 'workspace']) expect([table, await count('ps_app', undefined, table)]).toEqual([table, 0])
  })

  test('sees with a workspace its rows and no others', async () => {
    for (const workspaceId of [mine, stranger.workspaceId])
      for (const table of tables) {
        expect([table, await count('ps_app', workspaceId, table)]).not.toEqual([table, 0])
        expect([table, await count('ps_app', workspaceId, `${table} where workspace_id <> '${workspaceId}'`)]).toEqual([table, 0])
      }
    expect(await as('ps_app', mine, 'select id from workspace')).toEqual([{ id: mine }])
  })

  test('is refused an empty or a broken workspace', async () => {
    for (const table of tables) expect(await count('ps_app', '', table)).toBe(0)
    await expect(as('ps_app', "x' or true", 'select 1 from prompt')).rejects.toThrow()
    await expect(as('ps_app', 'not-a-uuid', 'select 1 from prompt')).rejects.toThrow('uuid')
  })

  test('cannot write into, move rows to, or delete from another workspace', async () => {
    for (const table of tables) {
      const columns = (
        await t.database.query<{ name: string }>(
          `select column_name as name from information_schema.columns where table_name = $1 and table_schema = 'public' and is_identity = 'NO'`,
          [table],
        )
      ).map(({ name }) => name)
      const values = columns.map((name) => (name === 'workspace_id' ? `'${stranger.workspaceId}'::uuid` : `"${name}"`))
      const copy = `insert into ${table} (${columns.map((name) => `"${name}"`).join()}) select ${values.join()} from ${table}`
      for (const statement of [copy, `update ${table} set workspace_id = '${stranger.workspaceId}'`])
        await expect(as('ps_app', mine, statement), statement).rejects.toThrow(/row-level security|audit_.* denied|denied .* audit_/)
      if (appendOnly.includes(table)) continue
      expect(await as('ps_app', mine, `delete from ${table} where workspace_id = '${stranger.workspaceId}' returning 1`)).toEqual([])
      expect(
        await as(
          'ps_app',
          mine,
          `update ${table} set workspace_id = workspace_id where workspace_id = '${stranger.workspaceId}' returning 1`,
        ),
      ).toEqual([])
    }
  })

  test('cannot become another role than it is, or turn the policies off', async () => {
    await expect(as('ps_app', mine, 'alter table prompt disable row level security')).rejects.toThrow('owner')
    await expect(as('ps_app', mine, 'drop policy tenant on prompt')).rejects.toThrow('owner')
    await expect(as('ps_app', mine, 'create table public.mine (a int)')).rejects.toThrow('permission')
    await expect(as('ps_app', mine, 'truncate prompt')).rejects.toThrow('permission')
    const [{ member }] = (await t.database.query<{ member: boolean }>(
      `select pg_has_role('ps_app', 'ps_owner', 'member') or pg_has_role('ps_app', 'ps_system', 'member') as member`,
    )) as [{ member: boolean }]
    expect(member).toBe(false)
    await expect(as('ps_app', mine, 'set local row_security = off; select * from prompt')).rejects.toThrow('row-level security')
  })

  test('makes no workspace: that is for the system', async () => {
    await expect(as('ps_app', mine, `insert into workspace values (gen_random_uuid(), 'n', now())`)).rejects.toThrow('permission')
  })
})

test('work across workspaces says so: ps_system sees all of them', async () => {
  for (const table of ['prompt', 'outbox'])
    expect(await count('ps_system', undefined, `(select distinct workspace_id from ${table}) w`)).toBe(2)
})

test('/readyz fails, with the reason, while ps_app owns a table', async () => {
  const ready = () => t.anonymous('GET', '//readyz')
  await expect.poll(async () => (await ready()).status).toBe(200)
  await t.database.query('alter table feed_head owner to ps_app')
  await expect.poll(async () => (await ready()).body.reasons?.join()).toContain('ps_app owns tables, bypasses row-level security')
  const answer = await ready()
  await t.database.query('alter table feed_head owner to ps_owner')
  expect([answer.status, answer.body.ready]).toEqual([503, false])
  await expect.poll(async () => (await ready()).status).toBe(200)
})

test('a key is of one workspace, whatever the caller asks for', async () => {
  const { body } = await stranger('GET', '/prompts?includeTotal=true', undefined, { 'x-workspace': mine, 'x-workspace-id': mine })
  expect(body.total).toBe(4)
  const owner = await t.owner('GET', '/prompts?includeTotal=true', undefined, { authorization: `Bearer ${bootstrapKey}` })
  const ids = (page: { items: { id: string }[] }) => page.items.map(({ id }) => id)
  expect(ids(owner.body).filter((id) => ids(body).includes(id))).toEqual([])
})
