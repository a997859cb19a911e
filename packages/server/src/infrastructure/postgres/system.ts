import pg from 'pg'
import { Client, typeParsers } from './client.ts'
import { translate } from './failures.ts'

export type SystemPool = Readonly<{
  /** One statement as `ps_system`, across workspaces. */
  query<R extends object>(text: string, values?: unknown[]): Promise<R[]>
  /** A connection of one's own for LISTEN and advisory locks; the caller ends it. */
  connect(): Promise<pg.Client>
  close(): Promise<void>
}>

/** A few session connections for what spans workspaces: the feed, key look-up, jobs. Never through a transaction pooler. */
export function openSystemPool(url: string, onError: (error: Error) => void): SystemPool {
  const pool = new pg.Pool({ connectionString: url, max: 4, connectionTimeoutMillis: 5_000, types: typeParsers, Client, query_timeout: 30_000 })
  pool.on('error', onError)
  pool.on('connect', (client) => {
    client.on('error', onError)
    client.query('set role ps_system').catch(onError)
  })
  return {
    async query<R extends object>(text: string, values?: unknown[]) {
      try {
        return (await pool.query<R>(text, values)).rows
      } catch (error) {
        throw translate(error)
      }
    },
    async connect() {
      const client = new Client({ connectionString: url, connectionTimeoutMillis: 2_000, query_timeout: 3_000, types: typeParsers })
      client.on('error', onError)
      await client.connect()
      await client.query('set role ps_system')
      return client
    },
    close: () => pool.end(),
  }
}
