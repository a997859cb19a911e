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
  /** The rest of a read across workspaces goes on as `ps_app` in one. */
  narrow(db: Db, workspace: Workspace): Promise<void>
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
    pipeline: !options.pooled,
    ...(!options.pooled && { statement_timeout: statementMs, idle_in_transaction_session_timeout: 60_000 }),
  })
  pool.on('error', options.onError)
  pool.on('connect', (client) => client.on('error', options.onError))
  const queue = queueFor(pool)
  return {
    within: (scope, mode, work) => retrying(() => (mode === 'read' ? reading : inTransaction)(queue.connect, begin(scope, mode), work)),
    narrow: async (db, workspace) => {
      const reader = readers.get(db)
      if (!reader) throw new Error('only a read that goes on can be narrowed')
      await sendAhead(reader, asWorkspace(workspace))
    },
    pool: () => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
    queueMs: queue.oldestMs,
    close: () => pool.end(),
  }
}

type Queue = Readonly<{ connect(): Promise<pg.PoolClient>; oldestMs(): number }>

/** The pool serves in turn, so who has waited longest stands first. */
function queueFor(pool: pg.Pool): Queue {
  const waiting = new Set<{ since: number }>()
  return {
    async connect() {
      const place = { since: performance.now() }
      waiting.add(place)
      try {
        return await pool.connect()
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

/** The whole preamble is one simple query, one round trip; role and workspace end with the transaction. */
function begin(scope: Scope, mode: Mode): string {
  const start = mode === 'read' ? 'begin isolation level repeatable read read only' : 'begin'
  return `${start}; ${scope === 'system' ? 'set local role ps_system' : asWorkspace(scope)}`
}

function asWorkspace({ workspaceId, categories }: Workspace): string {
  if (!isId(workspaceId)) throw new Error('a workspace id must be a UUID')
  const limit = categories ? `; set local app.categories = ${pg.escapeLiteral(JSON.stringify(categories))}` : ''
  return `set local role ps_app; set local app.workspace_id = '${workspaceId}'${limit}`
}

async function inTransaction<T>(connect: Queue['connect'], preamble: string, work: (db: Db) => Promise<T>): Promise<T> {
  const client = await connect()
  const handle = handleOf(client)
  try {
    await client.query(preamble)
    const result = await work(handle.db)
    const { command } = await client.query('commit')
    if (command === 'ROLLBACK') throw new Error('the transaction had failed before its commit')
    return result
  } catch (error) {
    // Always: a connection that lives goes back to the pool. On a dead one this fails at once.
    await client.query('rollback').catch(() => undefined)
    throw error
  } finally {
    handle.close()
    client.release()
  }
}

/** A read that goes on. `ahead`: what was sent without waiting for it, all of which must come about before a result is handed on. */
type Reader = { client: pg.Client; ahead: Promise<unknown> }
const readers = new WeakMap<Db, Reader>()

/**
 * A read waits for its statements alone: its beginning goes out together with the first of them, and its end when what it
 * gave has been used.
 */
async function reading<T>(connect: Queue['connect'], preamble: string, work: (db: Db) => Promise<T>): Promise<T> {
  const client = (await connect()) as pg.PoolClient & pg.Client
  const reader: Reader = { client, ahead: Promise.resolve() }
  const handle = handleOf(client, reader)
  readers.set(handle.db, reader)
  const end = (how: 'commit' | 'rollback') => {
    const release = () => client.release()
    handle.close()
    readers.delete(handle.db)
    setImmediate(() => client.query(how).then(release, release))
  }
  try {
    await sendAhead(reader, preamble)
    const result = await work(handle.db)
    await reader.ahead
    end('commit')
    return result
  } catch (error) {
    end('rollback')
    throw error
  }
}

/** Send a text in one packet with the statement that follows. Where the connection cannot do that, its answer is waited for. */
async function sendAhead(reader: Reader, text: string): Promise<void> {
  const { client } = reader
  const { stream } = client.connection
  stream.cork()
  process.nextTick(() => stream.uncork())
  reader.ahead = Promise.all([reader.ahead, client.query(text)])
  reader.ahead.catch(() => undefined)
  if (!client.pipeline) await reader.ahead
}

const plugins = [new CamelCasePlugin({ maintainNestedObjectKeys: true })]

/** Kysely on one connection for one transaction: used later, it could write into another one's, so then it refuses. */
export function handleOf(client: pg.ClientBase, reader?: Reader): { db: Kysely<Tables>; close(): void } {
  let open = true
  const connection = {
    query: async (text: string, values: readonly unknown[]) => {
      if (!open) throw new Error('the transaction is over')
      const result = client.query(text, values as unknown[])
      result.catch(() => undefined) // looked at below, after what went ahead
      await reader?.ahead
      return result
    },
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
