import { sql } from 'kysely'
import { assertInstanceAdmin, type Principal, visibleCategories } from './access.ts'
import type { Ctx, EnqueueOptions } from './context.ts'
import type { Db } from './db.ts'
import type { DomainEvent, FeedEvent } from './events.ts'
import type { Feed } from './feed/feed.ts'
import { newId } from './ids.ts'
import { joined } from './joined.ts'
import type { EventHandler, Module } from './module.ts'
import { appendEvents } from './outbox.ts'
import type { CursorCodec } from './page.ts'
import { type Tracing, traced } from './tracing.ts'

/** One workspace; with `categories`, only the prompts of these are seen. */
export type Scope = Readonly<{ workspaceId: string; categories?: readonly string[] }>
/** What core asks of the database: one transaction of one workspace. */
export type Transactions = Readonly<{
  within<T>(scope: Scope | 'system', mode: 'read' | 'write', work: (db: Db) => Promise<T>): Promise<T>
  /** What is left of a read across workspaces goes on in this scope alone. */
  narrow(db: Db, scope: Scope): Promise<void>
}>
/** One transaction across all workspaces: for what belongs to none, or spans them. */
export type AcrossWorkspaces = <T>(work: (db: Db) => Promise<T>, mode: 'read' | 'write') => Promise<T>
/** What core asks of the queue: a job row in the caller's transaction, and a nudge after the commit, with the names of its jobs. */
export type JobSender = Readonly<{
  send(tx: Db, name: string, payload: object, by: JobOrigin, options?: EnqueueOptions): Promise<void>
  wake(names: Iterable<string>): void
}>
export type JobOrigin = Readonly<{ workspaceId: string; actor: string; requestId: string; traceparent?: string }>

export type Origin = Readonly<{
  requestId: string
  traceparent?: string
  /** Told after each commit, with the transaction's id. */
  onCommit?: (xid: string) => void
  /** Assures, within a transaction that writes, that it may: the job that it is part of is still held. @throws JobLost */
  fence?: (tx: Db) => Promise<void>
}>

export type Runtime = Readonly<{ contextFor(principal: Principal, origin: Origin): Ctx; clock: () => string; feed: Feed }>

type Emitted = { events: FeedEvent[]; jobs: Set<string> }

/** A change that told nothing still has a token: whoever shows it sees all that this transaction saw. */
const currentTransaction = async (tx: Db): Promise<string> =>
  (await sql<{ xid: string }>`select pg_current_xact_id()::text as xid`.execute(tx)).rows[0]!.xid

/** The same transactions, each with a span. */
const tracedTransactions = (database: Transactions, tracing: Tracing, parent: string): Transactions => ({
  ...database,
  within: (scope, mode, work) => {
    const attributes = { 'db.system.name': 'postgresql', 'db.operation.name': mode }
    return traced(tracing, { name: `transaction ${mode}`, kind: 'client', parent, attributes }, () => database.within(scope, mode, work))
  },
})
/** From here on the transaction works in this workspace. */
const enter = (tx: Db, workspaceId: string) => sql`select set_config('app.workspace_id', ${workspaceId}, true)`.execute(tx)

/** Wire database, feed and queue into the contexts that requests and jobs work with. */
export function createRuntime(parts: {
  database: Transactions
  feed: Feed
  queue: JobSender
  cursors: CursorCodec
  clock: () => string
  modules: () => readonly Module[]
  tracing?: Tracing | undefined
  /** Whether changes leave audit entries. */
  audit: boolean
  /** Looks at what is told before it is. @throws Error when that is not what was declared: for tests */
  checkEvents?: ((events: readonly DomainEvent[]) => void) | undefined
}): Runtime {
  const { feed, queue, cursors, clock, audit } = parts
  const emitted = new WeakMap<Db, Emitted>()
  const handlersOf = (type: string): EventHandler[] => parts.modules().flatMap((module) => module.on?.[type] ?? [])

  const contextFor = (principal: Principal, origin: Origin): Ctx => {
    const { workspaceId } = principal
    const database =
      parts.tracing && origin.traceparent ? tracedTransactions(parts.database, parts.tracing, origin.traceparent) : parts.database
    const categories = visibleCategories(principal)
    const fenced =
      <T>(work: (db: Db) => Promise<T>) =>
      async (db: Db): Promise<T> => {
        await origin.fence?.(db)
        return work(db)
      }
    const own: Scope = { workspaceId, ...(categories && { categories }) }
    const ctx: Ctx = {
      workspaceId,
      actor: principal,
      requestId: origin.requestId,
      ...(origin.traceparent && { traceparent: origin.traceparent }),
      now: clock,
      newId,
      cursors,
      read: (work) => database.within(own, 'read', work),
      readAll: (work) => database.within({ workspaceId }, 'read', work),
      system: (work, mode = 'write') => database.within('system', mode, mode === 'write' ? fenced(work) : work),
      async narrowed(db) {
        await database.narrow(db, own)
        return { ...joined(ctx, db), read: (work) => work(db) } // the transaction itself is limited now, to its end
      },
      async transact(work) {
        let committed: Emitted = { events: [], jobs: new Set() }
        let xid = ''
        const result = await database.within({ workspaceId }, 'write', async (tx) => {
          committed = { events: [], jobs: new Set() }
          emitted.set(tx, committed)
          if (origin.fence) await origin.fence(tx)
          const done = await work(tx)
          xid = committed.events[0]?.xid ?? (await currentTransaction(tx))
          return done
        })
        feed.committed(committed.events)
        origin.onCommit?.(xid)
        if (committed.jobs.size > 0) queue.wake(committed.jobs)
        return result
      },
      async visit(tx, there, work) {
        if (there === workspaceId) return work(joined(ctx, tx))
        assertInstanceAdmin(principal)
        await enter(tx, there)
        const result = await work(joined(contextFor({ ...principal, workspaceId: there }, origin), tx))
        await enter(tx, workspaceId)
        return result
      },
      async emit(tx, events) {
        parts.checkEvents?.(events)
        const appended = await appendEvents(tx, events, {
          workspaceId,
          actor: principal.id,
          requestId: origin.requestId,
          at: clock(),
          traceparent: origin.traceparent,
          audit,
        })
        emitted.get(tx)?.events.push(...appended)
        for (const event of events) for (const handle of handlersOf(event.type)) await handle(event, tx, ctx)
      },
      async enqueue(tx, { name }, payload, options) {
        const { requestId, traceparent } = origin
        await queue.send(tx, name, payload, { workspaceId, actor: principal.id, requestId, ...(traceparent && { traceparent }) }, options)
        emitted.get(tx)?.jobs.add(name)
      },
    }
    return ctx
  }
  return { contextFor, clock, feed }
}
