import type pg from 'pg'
import { PgBoss } from 'pg-boss'

/** The schema that pg-boss owns in our database. */
export const queueSchema = 'pgboss'

/** What claiming in turn by workspace reads: pg-boss's own indexes know the order of a queue alone. */
const indexByWorkspace = `create index if not exists job_by_workspace
  on ${queueSchema}.job_common (name, coalesce(group_id, ''), start_after) where state < 'active' and not blocked`

/** Install or upgrade pg-boss's own tables, as the role of the given session, and let the working roles use them. */
export async function installQueue(client: pg.Client): Promise<void> {
  const boss = new PgBoss({
    db: { executeSql: async (text: string, values?: unknown[]) => allRows(await client.query(text, values as unknown[])) },
    schema: queueSchema,
    supervise: false,
    schedule: false,
  })
  boss.on('error', () => undefined)
  await boss.start()
  await boss.stop({ graceful: false })
  await client.query(indexByWorkspace)
  await client.query(`grant usage on schema ${queueSchema} to ps_app, ps_system`)
  await client.query(`grant select, insert, update, delete on all tables in schema ${queueSchema} to ps_app, ps_system`)
  await client.query(`grant usage on all sequences in schema ${queueSchema} to ps_app, ps_system`)
  await client.query(`grant execute on all functions in schema ${queueSchema} to ps_app, ps_system`)
}

/** A text of several statements gives several results: the rows of all of them. */
const allRows = (result: pg.QueryResult | pg.QueryResult[]): { rows: unknown[] } => ({ rows: [result].flat().flatMap(({ rows }) => rows) })
