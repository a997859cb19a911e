import { CamelCasePlugin, Kysely, PostgresDialect, type PostgresPool } from 'kysely'
import pg from 'pg'
import type { Db, Tables } from '../../core/db.ts'
import { isId } from '../../core/ids.ts'
import type { Scope as Workspace } from '../../core/runtime.ts'
import { beginSession, Client, PatientClient, typeParsers, uncompiled } from './client.ts'
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
    ...(!options.pooled && {
      statement_timeout: statementMs,
      idle_in_transaction_session_timeout: 60_000,
      // Awaited before the connection is handed out. Outside of a transaction, without a workspace, this role sees nothing.
      onConnect: (client: pg.ClientBase) => client.query(beginSession('ps_app')).then(() => undefined),
    }),
  })
  pool.on('error', options.onError)
  pool.on('connect', (client) => client.on('error', options.onError))
  const queue = queueFor(pool)
  return {
    within: (scope, mode, work) => retrying(() => inTransaction(queue.connect, mode, begin(scope, mode, options.pooled), work)),
    async narrow(db, workspace) {
      const going = reads.get(db)
      if (!going) throw new Error('only a read that goes on can be narrowed')
      await sendAhead(going, `${asApp}; ${inWorkspace(workspace)}`)
    },
    pool: () => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
    queueMs: queue.oldestMs,
    close: () => pool.end(),
  }
}

type PooledClient = pg.PoolClient & Pick<PatientClient, 'sendAhead'>
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

const asSystem = 'set local role ps_system'
const asApp = 'set local role ps_app'

/** The whole preamble is one simple query; role and workspace end with the transaction. Behind a pooler sessions have nothing of their own. */
function begin(scope: Scope, mode: Mode, pooled: boolean): string {
  const start = mode === 'read' ? 'begin isolation level repeatable read read only' : 'begin'
  const session = pooled ? `; set local ${uncompiled}` : ''
  if (scope === 'system') return `${start}${session}; ${asSystem}`
  return `${start}${session}; ${pooled ? `${asApp}; ` : ''}${inWorkspace(scope)}`
}

function inWorkspace({ workspaceId, categories }: Workspace): string {
  if (!isId(workspaceId)) throw new Error('a workspace id must be a UUID')
  const limit = categories ? `; set local app.categories = ${pg.escapeLiteral(JSON.stringify(categories))}` : ''
  return `set local app.workspace_id = '${workspaceId}'${limit}`
}

/** A transaction that goes on. `ahead`: what was sent without waiting for it, all of which must come about before a result is handed on. */
type Going = { client: PooledClient; ahead: Promise<unknown> }
const reads = new WeakMap<Db, Going>()

/** Send a text in one packet with the statement that follows. Where the connection cannot do that, its answer is waited for. */
async function sendAhead(going: Going, text: string): Promise<void> {
  const { ready, sent } = going.client.sendAhead(text)
  going.ahead = Promise.all([going.ahead, sent])
  going.ahead.catch(() => undefined)
  await ready
}

async function inTransaction<T>(connect: Queue['connect'], mode: Mode, preamble: string, work: (db: Db) => Promise<T>): Promise<T> {
  const client = await connect()
  const going: Going = { client, ahead: Promise.resolve() }
  const handle = handleOf(going)
  const end = mode === 'read' ? endRead : endWrite
  if (mode === 'read') reads.set(handle.db, going)
  const close = () => {
    handle.close()
    reads.delete(handle.db)
  }
  try {
    await sendAhead(going, preamble)
    const result = await work(handle.db)
    await going.ahead
    close()
    await end(client)
    return result
  } catch (error) {
    close()
    await rollBack(client)
    // Where the beginning failed, everything after it fails for that reason.
    await going.ahead
    throw error
  }
}

async function endWrite(client: PooledClient): Promise<void> {
  const { command } = await client.query('commit')
  if (command === 'ROLLBACK') throw new Error('the transaction had failed before its commit')
  client.release()
}

/** Nobody waits for the end of a read: it comes when what it gave has been used. */
async function endRead(client: PooledClient): Promise<void> {
  setImmediate(() =>
    client.query('commit').then(
      () => client.release(),
      () => client.release(),
    ),
  )
}

/** Always: a connection that lives goes back to the pool. On a dead one this fails at once. */
async function rollBack(client: PooledClient): Promise<void> {
  await client.query('rollback').catch(() => undefined)
  client.release()
}

const plugins = [new CamelCasePlugin({ maintainNestedObjectKeys: true })]

/** Kysely on one connection for one transaction: used later, it could write into another one's, so then it refuses. */
export function handleOf(going: { client: pg.ClientBase; ahead?: Promise<unknown> }): { db: Kysely<Tables>; close(): void } {
  let open = true
  const connection = {
    query: async (text: string, values: readonly unknown[]) => {
      if (!open) throw new Error('the transaction is over')
      const result = going.client.query(text, values as unknown[])
      result.catch(() => undefined) // looked at below, after what went ahead
      await going.ahead
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
