import pg from 'pg'
import { beginSession, Client, typeParsers } from './client.ts'
import { translate } from './failures.ts'

export type SystemPool = Readonly<{
  /** One or more statements as `ps_system`, across workspaces. @returns the rows of all of them, in order */
  query<R extends object>(text: string, values?: unknown[]): Promise<R[]>
  /** A connection of one's own for LISTEN and advisory locks; the caller ends it. Its queries give up after 2 s. */
  connect(): Promise<pg.Client>
  close(): Promise<void>
}>

/** A few session connections for what spans workspaces: the feed, key look-up, jobs. Never through a transaction pooler. */
export function openSystemPool(url: string, onError: (error: Error) => void): SystemPool {
  const pool = new pg.Pool({
    connectionString: url,
    max: 4,
    connectionTimeoutMillis: 5_000,
    types: typeParsers,
    Client,
    query_timeout: 30_000,
    // Awaited before the connection is handed out: nobody ever works with another role.
    onConnect: async (client) => {
      client.on('error', onError)
      await client.query(beginSession('ps_system'))
    },
  })
  pool.on('error', onError)
  return {
    async query<R extends object>(text: string, values?: unknown[]) {
      try {
        const result = (await pool.query<R>(text, values)) as pg.QueryResult<R> | pg.QueryResult<R>[]
        return [result].flat().flatMap(({ rows }) => rows)
      } catch (error) {
        throw translate(error)
      }
    },
    async connect() {
      const client = new Client({ connectionString: url, connectionTimeoutMillis: 1_500, query_timeout: 2_000, types: typeParsers })
      client.on('error', onError)
      try {
        await client.connect()
        await client.query(beginSession('ps_system'))
        return client
      } catch (error) {
        client.end().catch(() => undefined)
        throw error
      }
    },
    close: () => pool.end(),
  }
}
