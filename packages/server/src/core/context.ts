import type { Principal } from './access.ts'
import type { Db } from './db.ts'
import type { DomainEvent } from './events.ts'
import type { CursorCodec } from './page.ts'

export type EnqueueOptions = Readonly<{
  /** Milliseconds until it may run, 0 unless told. */
  startAfterMs?: number
  /** At most one job of this name and workspace waits under a key: while one does, its time is only brought forward, and its payload stays. */
  key?: string
}>

/** Everything a use case may touch that is not its input. Built once per request or job. */
export type Ctx = Readonly<{
  workspaceId: string
  actor: Principal
  requestId: string
  /** The trace this work belongs to (W3C Trace Context `traceparent`), carried into jobs. */
  traceparent?: string
  /** The time, RFC 3339 UTC with milliseconds. */
  now(): string
  newId(): string
  cursors: CursorCodec
  /** Read in one snapshot of this workspace; a caller whose reading is limited to categories sees the prompts of those alone. */
  read<T>(work: (db: Db) => Promise<T>): Promise<T>
  /** The same whatever the caller's limits: for what callers share, such as caches. What comes of it is the caller's business to check. */
  readAll<T>(work: (db: Db) => Promise<T>): Promise<T>
  /** Change in one transaction of this workspace; answers after the commit. Run again when the database asks for it (deadlock). */
  transact<T>(work: (tx: Db) => Promise<T>): Promise<T>
  /** Work across all workspaces: for background jobs, and for reads whose index row-level security would bar; those name the workspace. */
  system<T>(work: (db: Db) => Promise<T>, mode?: 'read' | 'write'): Promise<T>
  /** What is left of a read across workspaces is the caller's own: one workspace, under row-level security, within the caller's limits. */
  narrowed(db: Db): Promise<Ctx>
  /** Go on in another workspace, in the same transaction, as the same caller. @throws Forbidden (403) unless it administers the installation */
  visit<T>(tx: Db, workspaceId: string, work: (there: Ctx) => Promise<T>): Promise<T>
  /** Tell what happened: outbox rows and audit entries in the same transaction, and the `on` handlers of other contexts. */
  emit(tx: Db, events: readonly DomainEvent[]): Promise<void>
  /** Hand over slow work: the job runs after, and only after, the transaction has committed. */
  enqueue(tx: Db, job: { name: string }, payload: object, options?: EnqueueOptions): Promise<void>
}>
