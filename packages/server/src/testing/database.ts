import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { inject } from 'vitest'

export type TestDatabase = Readonly<{
  url: string
  /** One statement as the administrator, past row-level security: to look, and to do harm. */
  query<R extends object>(text: string, values?: unknown[]): Promise<R[]>
  drop(): Promise<void>
}>

const withName = (url: string, name: string): string => url.replace(/\/[^/?]+(\?|$)/, `/${name}$1`)

/** A database of the test's own, cloned from the migrated template. */
export async function cloneDatabase(): Promise<TestDatabase> {
  const { adminUrl, template } = inject('database')
  const name = `t_${randomUUID().replaceAll('-', '')}`
  const admin = new pg.Client(adminUrl)
  await admin.connect()
  await admin.query(`create database ${name} template ${template} strategy file_copy`)
  const url = withName(adminUrl, name)
  const pool = new pg.Pool({ connectionString: url, max: 2 })
  pool.on('error', () => undefined)
  return {
    url,
    query: async <R extends object>(text: string, values?: unknown[]) => (await pool.query<R>(text, values)).rows,
    async drop() {
      await pool.end()
      // Who has hung up is gone in a moment; the drop itself would look again only after 100 ms.
      const held = async () => (await admin.query('select 1 from pg_stat_activity where datname = $1', [name])).rows.length > 0
      for (let looks = 0; looks < 20 && (await held()); looks++) await sleep(5)
      await admin.query(`drop database ${name} with (force)`)
      await admin.end()
    },
  }
}

declare module 'vitest' {
  interface ProvidedContext {
    database: { adminUrl: string; template: string }
  }
}
