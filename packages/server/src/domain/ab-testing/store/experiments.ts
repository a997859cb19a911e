import { rangesOf } from '@prompt-store/assignment'
import { sql } from 'kysely'
import type { Db } from '../../../core/db.ts'
import { control, currentPhase, type Experiment, type Slot } from '../model/experiment.ts'
import { notThere } from '../model/failures.ts'
import type { Columns, Design } from '../tables.ts'
import '../tables.ts'

export const columns = [
  'id',
  'name',
  'status',
  'design',
  'phases',
  'winner',
  'decision',
  'startedAt',
  'endedAt',
  'createdBy',
  'createdAt',
  'updatedAt',
  'revision',
] as const
export type Row = Pick<Experiment, Columns> & Readonly<{ design: Design }>

export const testOf = ({ design, ...row }: Row): Experiment => {
  const test = { ...design, ...row }
  return { ...test, ranges: currentPhase(test)?.ranges ?? rangesOf(design.variants) }
}

function valuesOf({ ranges: _ranges, ...test }: Experiment) {
  const { id, name, status, phases, winner, decision, startedAt, endedAt, createdBy, createdAt, updatedAt, revision, ...design } = test
  return {
    ...{ id, name, status, winner, startedAt, endedAt, createdBy, createdAt, updatedAt, revision },
    controlId: control(test).promptId,
    design: JSON.stringify(design satisfies Design),
    phases: JSON.stringify(phases),
    decision: decision && JSON.stringify(decision),
  }
}

/** SQL of the write side. */
export const experimentStore = (tx: Db) => ({
  async find(id: string): Promise<Experiment | undefined> {
    const row = await tx.selectFrom('abTest').select(columns).where('id', '=', id).executeTakeFirst()
    return row && testOf(row)
  },

  /** A test whose row nobody else changes until the transaction ends. @throws ABTestNotFound */
  async lock(id: string): Promise<Experiment> {
    const row = await tx.selectFrom('abTest').select(columns).where('id', '=', id).forUpdate().executeTakeFirst()
    if (!row) throw notThere(id)
    return testOf(row)
  },

  async add(test: Experiment): Promise<void> {
    await tx.insertInto('abTest').values(valuesOf(test)).execute()
  },

  async save(test: Experiment): Promise<void> {
    const { id, createdBy: _by, createdAt: _at, ...values } = valuesOf(test)
    await tx.updateTable('abTest').set(values).where('id', '=', id).execute()
  },

  async remove(id: string): Promise<void> {
    await tx.deleteFrom('abTest').where('id', '=', id).execute()
  },

  /** How many tests of the workspace run. */
  async running(): Promise<number> {
    const count = tx.selectFrom('abTest').select((e) => e.fn.countAll<number>().as('count'))
    return Number((await count.where('status', '=', 'running').executeTakeFirstOrThrow()).count)
  },

  /** What other tests hold of a namespace, running or paused. Who asks holds the workspace's namespaces until the transaction ends. */
  async slots(workspaceId: string, name: string, exceptId: string): Promise<Slot[]> {
    await sql`select pg_advisory_xact_lock(hashtextextended(${`ab namespaces ${workspaceId}`}, 0))`.execute(tx)
    const rows = await tx
      .selectFrom('abTest')
      .select('design')
      .where('status', 'in', ['running', 'paused'])
      .where('id', '<>', exceptId)
      .where(sql<boolean>`design -> 'namespace' ->> 'name' = ${name}`)
      .execute()
    return rows.flatMap(({ design }) => design.namespace ?? [])
  },

  /** The other test, running or paused, that has a label of a prompt. Who asks holds that label until the transaction ends. */
  async onLabel({ id, variants, overlayLabel }: Experiment): Promise<string | undefined> {
    const { promptId } = variants[0]!
    await sql`select pg_advisory_xact_lock(hashtextextended(${`ab label ${promptId} ${overlayLabel}`}, 0))`.execute(tx)
    const row = await tx
      .selectFrom('abTest')
      .select('id')
      .where('status', 'in', ['running', 'paused'])
      .where('id', '<>', id)
      .where('controlId', '=', promptId)
      .where(sql<boolean>`design ->> 'overlayLabel' = ${overlayLabel}`)
      .executeTakeFirst()
    return row?.id
  },
})
