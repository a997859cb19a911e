import { CompiledQuery } from 'kysely'
import type { Db } from '../../core/db.ts'
import { JobLost } from '../../core/jobs.ts'
import type { JobOrigin } from '../../core/runtime.ts'
import { doneSql, holdSql } from './statements.ts'

/** A statement across workspaces; it gives its rows. */
export type Sql = <R extends object>(text: string, values?: unknown[]) => Promise<R[]>

/** What stands in a job's row: the payload, who enqueued it, and how many of its attempts were none of its failures. */
export type Envelope = Readonly<{ payload: object; by: JobOrigin; lost?: number; uncounted?: number }>

/** One attempt at a job, as its worker holds it. */
export type Attempt = Readonly<{ id: string; name: string; data: Envelope; attempt: number; workspace: string }>

/** How often it has failed before this attempt. */
export const failuresOf = ({ attempt, data }: Pick<Attempt, 'attempt' | 'data'>): number => Math.max(0, attempt - (data.uncounted ?? 0))

export const pairOf = ({ id, attempt }: Pick<Attempt, 'id' | 'attempt'>): string => `${id}:${attempt}`

const lost = ({ name, id }: Attempt) =>
  new JobLost(`The job ${name} ${id} is not held by this run any more: it was taken over, or has ended. Nothing was written.`)

/** Assure, to the end of the transaction, that nobody else begins the job. @throws JobLost */
export async function assertHeld(tx: Db, one: Attempt): Promise<void> {
  const { rows } = await tx.executeQuery(CompiledQuery.raw(holdSql, [one.name, one.id, one.attempt]))
  if (rows.length === 0) throw lost(one)
}

/** End the job in this transaction. @throws JobLost */
export async function finish(tx: Db, one: Attempt): Promise<void> {
  const { numAffectedRows } = await tx.executeQuery(CompiledQuery.raw(doneSql, [one.name, [one.id], [pairOf(one)]]))
  if (numAffectedRows !== 1n) throw lost(one)
}
