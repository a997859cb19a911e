import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { makeFixtures } from '../../../core/testing/walk.ts'
import { type Call, cloneDatabase, startTestApp, type TestApp, type TestDatabase } from '../../../testing/index.ts'
import { leftOut } from '../catalogue.ts'
import { backup } from '../index.ts'

/** A path in a folder of the test's own. */
export function freshPath(name = 'store.backup'): string {
  const folder = mkdtempSync(join(tmpdir(), 'backup-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, name)
}

/** A database of the test's own with the present schema and nothing in it. */
export async function migratedDatabase(): Promise<TestDatabase> {
  const database = await cloneDatabase()
  onTestFinished(() => database.drop())
  return database
}

/** A database in which nothing was ever done. */
export async function untouchedDatabase(): Promise<TestDatabase> {
  const database = await migratedDatabase()
  await database.query('drop schema public cascade')
  await database.query('drop schema if exists pgboss cascade')
  await database.query('create schema public')
  return database
}

/** Something of everything, by the API. */
async function fill(call: Call): Promise<void> {
  const { id, category, name } = await makeFixtures(call)
  const content = `{{> ${encodeURIComponent(category)}/${encodeURIComponent(name)}@production}} \\N \\. \t\u2028 "quoted" 'n\nlines' 日本`
  await call('POST', '/prompts', { content, category: 'c', name: 'includer', description: '\\' }, { 'idempotency-key': 'fill' })
  await call('POST', `/prompts/${id}/versions/1/redact`, { reason: 'Why not' })
  await call('PUT', `/prompts/${id}`, { name: 'renamed', metadata: { deep: [1.5e300, null, 'é'] } })
}

/** Wait until what follows the changes has caught up: positions, search, webhooks, seals. */
export async function settled({ app, database }: TestApp): Promise<void> {
  const behind = `select ((select count(*) from outbox where position is null) + 2 * h.position - s.position - w.position)::int as events from feed_head h, search_progress s, webhook_progress w`
  await expect.poll(async () => (await database.query<{ events: number }>(behind))[0]?.events).toBe(0)
  await app.audit.settle()
}

/** The database of a service with two workspaces full of things. The service has ended, so that it stays as it is. */
export async function filledStore(): Promise<TestDatabase> {
  const database = await migratedDatabase()
  const app = await startTestApp({ database })
  try {
    await app.as('prompts:read')
    for (const call of [app.owner, await app.stranger()]) await fill(call)
    await settled(app)
  } finally {
    await app.stop()
  }
  return database
}

/** A filled store's backup. */
export async function filledBackup(): Promise<{ database: TestDatabase; file: string; bytes: Buffer }> {
  const database = await filledStore()
  const file = freshPath()
  await backup(database.url, file, { force: false })
  return { database, file, bytes: readFileSync(file) }
}

/** Every row of every table that backups hold, as text, without what means something in its own server only. */
export async function contentOf({ query }: Pick<TestDatabase, 'query'>): Promise<Record<string, string[]>> {
  const tables = await query<{ name: string }>(
    `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition order by 1`,
  )
  const content: Record<string, string[]> = {}
  for (const { name } of tables.filter((table) => !(table.name in leftOut)))
    content[name] = (await query<{ row: string }>(`select (to_jsonb(t) - 'xid')::text as row from ${name} t order by 1`)).map(
      ({ row }) => row,
    )
  return content
}
