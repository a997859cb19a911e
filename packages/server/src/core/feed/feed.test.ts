import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { until } from '../../infrastructure/embedded-postgres/testing/sandbox.ts'
import { cloneDatabase, startTestApp, type TestApp, type TestDatabase } from '../../testing/index.ts'
import { confirmSql, pokeChannel } from './sql.ts'

async function twoInstances(): Promise<{ database: TestDatabase; apps: [TestApp, TestApp] }> {
  const database = await cloneDatabase()
  onTestFinished(() => database.drop())
  const apps: [TestApp, TestApp] = [await startTestApp({ database }), await startTestApp({ database })]
  onTestFinished(async () => {
    for (const { app } of apps) await app.stop()
  })
  return { database, apps }
}

/** The sessions with which instances follow the feed. */
const feedSessions = `from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and (query like '%pg_snapshot_xmin%' or query like '%${pokeChannel}%' or query like '%row_number() over (order by id)%')`
const endFeedSessions = (database: TestDatabase) => database.query(`select pg_terminate_backend(pid) ${feedSessions}`)
const settled = (database: TestDatabase) =>
  until('all events have a position', async () => (await database.query('select 1 from outbox where position is null')).length === 0)
const create = async (app: TestApp, name: string): Promise<string> =>
  (await app.owner('POST', '/prompts', { category: 'feed', name, content: 'one' })).body.id

test('one of two instances leads, and events get gap-free positions, for each prompt in the order of its commits', async () => {
  const { database, apps } = await twoInstances()
  const ids = await Promise.all(['a', 'b', 'c', 'd'].map((name, i) => create(apps[i % 2]!, name)))
  await Promise.all(
    Array.from({ length: 60 }, (_, n) => {
      const put = () => apps[n % 2]!.owner('PUT', `/prompts/${ids[n % 4]}/content`, { content: `text ${n}` })
      return expect.poll(async () => (await put()).status, { timeout: 60_000 }).toBe(200) // a queue that is too long for a slow machine: 503
    }),
  )
  await settled(database)
  await expect.poll(() => apps.map(({ app }) => app.feed.isLeader()).sort()).toEqual([false, true])
  const events = await database.query<{ position: string; subject: string; version: number }>(
    `select position, subject, coalesce((data->>'version')::int, 1) as version from outbox where type in ('prompt.created', 'prompt.version_created') order by position`,
  )
  const positions = (await database.query<{ position: string }>('select position from outbox order by position')).map(({ position }) =>
    Number(position),
  )
  expect(positions).toEqual(positions.map((_, i) => i + 1))
  for (const id of ids)
    expect(events.filter(({ subject }) => subject === id).map(({ version }) => version)).toEqual(
      Array.from({ length: 16 }, (_, i) => i + 1),
    )
})

test('what happens while the sessions of the feed are being ended again and again is caught up, without a failed request', async () => {
  const { database, apps } = await twoInstances()
  const [here, there] = apps
  const id = await create(here, 'lost')
  const path = '/prompts/search/feed/lost'
  let ended = 0
  for (let version = 2; version < 8; version++) {
    ended += (await endFeedSessions(database)).length
    expect((await here.owner('PUT', `/prompts/${id}/content`, { content: `text ${version}` })).status).toBe(200)
    expect((await here.owner('PUT', `/prompts/${id}/labels/production`, { version })).status).toBe(200)
    ended += (await endFeedSessions(database)).length
    await until('the other instance has it', async () => {
      const { status, body } = await there.owner('GET', path)
      expect(status).toBe(200)
      return body.version === version
    })
  }
  expect(ended).toBeGreaterThan(0)
  await settled(database)
  await until('one leads', () => apps.some(({ app }) => app.feed.isLeader()))
  expect(apps.filter(({ app }) => app.feed.isLeader())).toHaveLength(1)
})

test('who has lost the lead and has it again looks for work: what the leader alone does may have waited', async () => {
  const database = await cloneDatabase()
  onTestFinished(() => database.drop())
  const one = await startTestApp({ database })
  onTestFinished(() => one.app.stop())
  await until('it leads', () => one.app.feed.isLeader())
  await create(one, 'before')
  await settled(database)
  await new Promise((resolve) => setTimeout(resolve, 500)) // until the signals of that are over
  let looked = 0
  one.app.feed.onSignal(() => void looked++)
  await endFeedSessions(database)
  await until('it has looked', () => looked > 0)
  await until('it leads again', () => one.app.feed.isLeader())
})

test('while nobody can lead, changes are known everywhere all the same', async () => {
  const { database, apps } = await twoInstances()
  const usurper = new pg.Client(database.url)
  await usurper.connect()
  // Waits until the present leader is gone, and is served before those who only try.
  const lead = usurper.query('select pg_advisory_lock(7266051102)')
  await until(
    'a place in the queue',
    async () =>
      (
        await database.query(
          `select 1 from pg_locks where locktype = 'advisory' and not granted and database = (select oid from pg_database where datname = current_database())`,
        )
      ).length === 1,
  )
  await endFeedSessions(database)
  await lead
  const id = await create(apps[0], 'leaderless')
  const token = (await apps[0].owner('PUT', `/prompts/${id}/content`, { content: 'two' })).headers.get('x-consistency-token')!
  expect((await apps[1].owner('GET', `/prompts/${id}`, undefined, { 'x-consistency-token': token })).body.version).toBe(2)
  const moved = await apps[0].owner('PUT', `/prompts/${id}/labels/production`, { version: 2 })
  await until('the other instance has it', async () => (await apps[1].owner('GET', '/prompts/search/feed/leaderless')).body.version === 2)
  expect([moved.status, apps.map(({ app }) => app.feed.isLeader())]).toEqual([200, [false, false]])
  expect((await database.query('select 1 from outbox where position is null')).length).toBeGreaterThan(0)
  await usurper.end()
  await settled(database)
})

test('a change on an instance that does not lead pokes the leader, and nobody answers a poke with a poke', async () => {
  const { database, apps } = await twoInstances()
  const bystander = new pg.Client(database.url)
  onTestFinished(() => bystander.end())
  await bystander.connect()
  let pokes = 0
  bystander.on('notification', () => pokes++)
  await bystander.query(`listen ${pokeChannel}`)
  const follower = apps.find(({ app }) => !app.feed.isLeader())!
  await create(follower, 'poke')
  await settled(database)
  await until('a poke', () => pokes > 0)
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  expect(pokes).toBeGreaterThanOrEqual(1)
  expect(pokes).toBeLessThanOrEqual(5) // answered, they would have come ten times a second from each
})

test('when the database was set back to an earlier state, as from a backup, what is cached is forgotten', async () => {
  const { database, apps } = await twoInstances()
  const id = await create(apps[0], 'restored')
  await apps[0].owner('PUT', `/prompts/${id}/content`, { content: 'two' })
  await apps[0].owner('PUT', `/prompts/${id}/labels/production`, { version: 2 })
  await settled(database)
  const seen = async (app: TestApp) => (await app.owner('GET', '/prompts/search/feed/restored')).body.version
  expect([await seen(apps[0]), await seen(apps[1])]).toEqual([2, 2])
  await until('the feed has been read', () => apps.every(({ app }) => app.feed.position() >= 3))
  await database.query('update prompt_label set version = 1')
  await database.query('delete from outbox where position > 1')
  await database.query('update feed_head set position = 1')
  for (const app of apps) await until('the earlier state is served', async () => (await seen(app)) === 1)
})

test('when events were removed before an instance had read them, it forgets what it remembers', async () => {
  const t = await startTestApp()
  onTestFinished(() => t.stop())
  const id = await create(t, 'away')
  await t.owner('PUT', `/prompts/${id}/content`, { content: 'two' })
  await settled(t.database)
  const seen = async () => (await t.owner('GET', '/prompts/search/feed/away')).body.version
  expect(await seen()).toBe(1)
  const { position } = (await t.database.query<{ position: string }>('select position from feed_head'))[0]!
  await until('the feed has been read', () => t.app.feed.position() >= Number(position))
  // What is left of three changes, one of which moved the label.
  await t.database.query('update prompt_label set version = 2')
  await t.database.query(`with head as (update feed_head set position = position + 3 returning position)
    insert into outbox (workspace_id, position, type, subject, data, actor, request_id, created_at)
    select gen_random_uuid(), position, 'custom.last', 's', '{}', 'a', 'r', now() from head`)
  await until('the present state is served', async () => (await seen()) === 2)
})

test('however long the outbox is, reading the feed takes its rows by an index, also with a plan that knows no values', async () => {
  const database = await cloneDatabase()
  onTestFinished(() => database.drop())
  await database.query(`insert into outbox (workspace_id, position, type, subject, data, actor, request_id, created_at)
    select gen_random_uuid(), n, 't', 's', '{}', 'a', 'r', now() from generate_series(1, 50000) n`)
  await database.query('analyze outbox')
  const client = new pg.Client(database.url)
  onTestFinished(() => client.end())
  await client.connect()
  await client.query('set plan_cache_mode = force_generic_plan')
  await client.query(`prepare feed_confirm(bigint, boolean) as ${confirmSql.text}`)
  const { rows } = await client.query('explain execute feed_confirm(49990, true)')
  const plan = rows.map((row) => row['QUERY PLAN'] as string).filter((line) => line.includes(' on outbox'))
  expect(plan).toHaveLength(3)
  for (const line of plan) expect(line).toMatch(/Index (Only )?Scan using outbox_(by_position|unplaced) on outbox/)
})

test('an instance that was stopped leaves no connection behind, even when it was stopped while it was finding its way back', async () => {
  const database = await cloneDatabase()
  onTestFinished(() => database.drop())
  for (let round = 0; round < 3; round++) {
    const app = await startTestApp({ database })
    if (round > 0) await endFeedSessions(database)
    if (round > 1) void app.app.feed.confirm().catch(() => undefined)
    await app.stop()
    await until(
      'no connection but ours',
      async () =>
        (
          await database.query(
            `select 1 from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'`,
          )
        ).length === 0,
    )
  }
})
