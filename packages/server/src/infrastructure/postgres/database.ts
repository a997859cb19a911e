import { CamelCasePlugin, Kysely, PostgresDialect, type PostgresPool } from 'kysely'
import pg from 'pg'
import type { Db, Tables } from '../../core/db.ts'
import { isId } from '../../core/ids.ts'
import type { Scope as Workspace } from '../../core/runtime.ts'
import { Client, PatientClient, typeParsers } from './client.ts'
import { isRetryable, translate } from './failures.ts'

export type Mode = 'read' | 'write'
export type Scope = Workspace | 'system'

export type Database = Readonly<{
  /** Run one transaction as `ps_app` in a workspace, or as `ps_system` across all of them. @throws 503 when the database is away */
  within<T>(scope: Scope, mode: Mode, work: (db: Db) => Promise<T>): Promise<T>
  pool(): { total: number; idle: number; waiting: number }
  /** How long the first in the queue for a connection has been waiting, milliseconds; 0 when nobody waits. */
  queueMs(): number
  close(): Promise<void>
}>

/** Where the server ends a statement, and, a little later, where we stop to wait for a server that does not even do that. Milliseconds. */
const statementMs = 10_000
const patienceMs = statementMs + 2_000

/**
 * Open the pool of the request path. No caller waits longer than 5 s for a connection and 12 s for a statement.
 * @param options.url any PostgreSQL >= 15; a transaction pooler may stand in between when `pooled` is set (no session settings then)
 * @param options.max connections, at least 1
 */
export function openDatabase(options: { url: string; max: number; pooled: boolean; onError: (error: Error) => void }): Database {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.max,
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 60_000,
    types: typeParsers,
    Client: options.pooled ? PatientClient : Client,
    query_timeout: patienceMs,
    ...(!options.pooled && {
      statement_timeout: statementMs,
      idle_in_transaction_session_timeout: 60_000,
      // Awaited before the connection is handed out. Outside of a transaction, without a workspace, this role sees nothing.
      onConnect: (client: pg.ClientBase) => client.query('set role ps_app').then(() => undefined),
    }),
  })
  pool.on('error', options.onError)
  pool.on('connect', (client) => client.on('error', options.onError))
  const queue = queueFor(pool)
  return {
    within: (scope, mode, work) => retrying(() => inTransaction(queue.connect, begin(scope, mode, options.pooled), work)),
    pool: () => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
    queueMs: queue.oldestMs,
    close: () => pool.end(),
  }
}

type PooledClient = pg.PoolClient & Pick<PatientClient, 'begin'>
type Queue = Readonly<{ connect(): Promise<PooledClient>; oldestMs(): number }>

/** The pool serves in turn, so who has waited longest stands first. */
function queueFor(pool: pg.Pool): Queue {
  const waiting = new Set<{ since: number }>()
  return {
    async connect() {
      const place = { since: performance.now() }
      waiting.add(place)
      try {
        return (await pool.connect()) as PooledClient
      } finally {
        waiting.delete(place)
      }
    },
    oldestMs() {
      const [first] = waiting
      return first ? performance.now() - first.since : 0
    },
  }
}

/** The whole preamble is one simple query; role and workspace end with the transaction. Behind a pooler sessions have no role of their own. */
function begin(scope: Scope, mode: Mode, pooled: boolean): string {
  const start = mode === 'read' ? 'begin isolation level repeatable read read only' : 'begin'
  if (scope === 'system') return `${start}; set local role ps_system`
  if (!isId(scope.workspaceId)) throw new Error('a workspace id must be a UUID')
  const limit = scope.categories ? `; set local app.categories = ${pg.escapeLiteral(JSON.stringify(scope.categories))}` : ''
  return `${start}; ${pooled ? 'set local role ps_app; ' : ''}set local app.workspace_id = '${scope.workspaceId}'${limit}`
}

async function inTransaction<T>(connect: Queue['connect'], preamble: string, work: (db: Db) => Promise<T>): Promise<T> {
  const client = await connect()
  const handle = handleOf(client)
  const { ready, begun } = client.begin(preamble)
  try {
    await ready
    const result = await work(handle.db)
    await begun
    const { command } = await client.query('commit')
    if (command === 'ROLLBACK') throw new Error('the transaction had failed before its commit')
    return result
  } catch (error) {
    // Always: a connection that lives goes back to the pool. On a dead one this fails at once.
    await client.query('rollback').catch(() => undefined)
    // Where the beginning failed, everything after it fails for that reason.
    await begun
    throw error
  } finally {
    handle.close()
    client.release()
  }
}

const plugins = [new CamelCasePlugin({ maintainNestedObjectKeys: true })]

/** Kysely on one connection for one transaction: used later, it could write into another one's, so then it refuses. */
export function handleOf(client: pg.ClientBase): { db: Kysely<Tables>; close(): void } {
  let open = true
  const connection = {
    query: (text: string, values: readonly unknown[]) =>
      open ? client.query(text, values as unknown[]) : Promise.reject(new Error('the transaction is over')),
    release: () => undefined,
  }
  const pool = { connect: async () => connection, end: async () => undefined } as unknown as PostgresPool
  return {
    db: new Kysely<Tables>({ dialect: new PostgresDialect({ pool }), plugins }),
    close: () => {
      open = false
    },
  }
}

/** Deadlocks and serialization failures are the database asking for another try: three at most. */
async function retrying<T>(run: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run()
    } catch (error) {
      if (attempt >= 3 || !isRetryable(error)) throw translate(error)
    }
  }
}
