import { sql } from 'kysely'
import type { Db } from '../../../core/db.ts'
import { AppError } from '../../../core/errors.ts'
import type { Rule } from '../model/automations.ts'
import { RunNotFound } from '../model/automations-failures.ts'
import type { ConditionError, OutcomeKind, RunStatus, Trigger } from '../model/automations-runs.ts'
import '../tables.ts'

export type NewRun = Readonly<{
  id: string
  automationId: string | null
  revision: number | null
  rule: Rule
  actsFor: string
  requestedBy: string
  reason: string | null
  trigger: Trigger
  createdAt: string
}>
/** A run as whoever works on it sees it. */
export type Run = NewRun &
  Readonly<{
    status: RunStatus
    tries: number
    examined: number
    examinedTo: string | null
    examinedAll: boolean
    matched: number
    notApplicable: number
    conditionErrors: number
    errorSamples: readonly ConditionError[]
    confirmedAt: string | null
  }>

const columns = [
  'id',
  'automationId',
  'revision',
  'rule',
  'actsFor',
  'requestedBy',
  'reason',
  'trigger',
  'createdAt',
  'status',
  'tries',
  'examined',
  'examinedTo',
  'examinedAll',
  'matched',
  'notApplicable',
  'conditionErrors',
  'errorSamples',
  'confirmedAt',
] as const

/** What one page of examined prompts adds to a run. */
export type Examination = Readonly<{
  examined: number
  to: string | null
  all: boolean
  matched: number
  notApplicable: number
  errors: readonly ConditionError[]
  errorCount: number
  found: readonly Readonly<{ id: string; category: string; name: string }>[]
}>

/** SQL of the write side of runs. */
export const runStore = (tx: Db) => ({
  async add({ rule, ...run }: NewRun): Promise<void> {
    await tx
      .insertInto('lifecycleAutomationRun')
      .values({ ...run, rule: JSON.stringify(rule), status: 'queued', workedAt: run.createdAt })
      .execute()
  },

  /** @throws RunNotFound */
  async lock(id: string): Promise<Run> {
    const row = await tx.selectFrom('lifecycleAutomationRun').select(columns).where('id', '=', id).forUpdate().executeTakeFirst()
    if (!row) throw new AppError(RunNotFound, `There is no run ${id}.`)
    return row
  },

  /** Take a run over: whoever worked on it until now cannot write any more. @returns undefined when it is over or gone */
  async claim(id: string, { claim, at, prompts }: { claim: string; at: string; prompts: number }): Promise<Run | undefined> {
    const query = tx.updateTable('lifecycleAutomationRun').set((e) => ({
      claim,
      status: 'running',
      tries: e('tries', '+', 1),
      workedAt: at,
      startedAt: e.fn.coalesce('startedAt', e.val(at)),
      prompts,
    }))
    return query.where('id', '=', id).where('status', 'in', ['queued', 'running']).returning(columns).executeTakeFirst()
  },

  /** Whether the run is still in these hands. It stays so until the transaction ends. */
  async holds(id: string, claim: string): Promise<boolean> {
    const row = await tx
      .selectFrom('lifecycleAutomationRun')
      .select('id')
      .where('id', '=', id)
      .where('claim', '=', claim)
      .where('status', '=', 'running')
      .forNoKeyUpdate()
      .executeTakeFirst()
    return row !== undefined
  },

  async addExamination(id: string, page: Examination, samples: readonly ConditionError[], at: string): Promise<void> {
    await tx
      .updateTable('lifecycleAutomationRun')
      .set((e) => ({
        tries: 0,
        workedAt: at,
        examined: e('examined', '+', page.examined),
        matched: e('matched', '+', page.matched),
        notApplicable: e('notApplicable', '+', page.notApplicable),
        conditionErrors: e('conditionErrors', '+', page.errorCount),
        errorSamples: JSON.stringify(samples),
        examinedAll: page.all,
        ...(page.to !== null && { examinedTo: page.to }),
      }))
      .where('id', '=', id)
      .execute()
    if (page.found.length > 0)
      await sql`insert into lifecycle_automation_outcome (run_id, prompt_id, category, name, outcome, at)
        select ${id}::uuid, f.prompt_id, f.category, f.name, 'found', ${at}::timestamptz
        from unnest(${page.found.map((one) => one.id)}::uuid[], ${page.found.map(({ category }) => category)}::text[],
          ${page.found.map(({ name }) => name)}::text[]) as f (prompt_id, category, name)`.execute(tx)
  },

  /** Those that wait for their turn, in a fixed order. */
  nextFound: async (runId: string, limit: number): Promise<string[]> => {
    const open = tx.selectFrom('lifecycleAutomationOutcome').select('promptId').where('runId', '=', runId).where('outcome', '=', 'found')
    return (await open.orderBy('promptId').limit(limit).execute()).map(({ promptId }) => promptId)
  },

  /** Write down what became of one. @returns false when that has been done already */
  async settle(runId: string, promptId: string, outcome: OutcomeKind, problem: object | null, at: string): Promise<boolean> {
    const result = await tx
      .updateTable('lifecycleAutomationOutcome')
      .set({ outcome, problem: problem && JSON.stringify(problem), at })
      .where('runId', '=', runId)
      .where('promptId', '=', promptId)
      .where('outcome', '=', 'found')
      .executeTakeFirst()
    return result.numUpdatedRows === 1n
  },

  /** It came on: what went wrong before does not count any more. */
  async progressed(id: string, workedAt: string): Promise<void> {
    const old = new Date(Date.parse(workedAt) - 60_000).toISOString()
    await tx
      .updateTable('lifecycleAutomationRun')
      .set({ tries: 0, workedAt })
      .where('id', '=', id)
      .where((e) => e.or([e('tries', '>', 0), e('workedAt', '<', old)]))
      .execute()
  },

  /** Whether a run still stands still; if so, it counts as taken in hand now. */
  async takeStanding(id: string, { before, at }: { before: string; at: string }): Promise<boolean> {
    const { numUpdatedRows } = await tx
      .updateTable('lifecycleAutomationRun')
      .set({ workedAt: at })
      .where('id', '=', id)
      .where('status', 'in', ['queued', 'running'])
      .where('workedAt', '<', before)
      .executeTakeFirst()
    return numUpdatedRows === 1n
  },

  async countOutcomes(runId: string): Promise<Readonly<Partial<Record<OutcomeKind, number>>>> {
    const rows = await tx
      .selectFrom('lifecycleAutomationOutcome')
      .select((e) => ['outcome', e.fn.countAll<number>().as('count')])
      .where('runId', '=', runId)
      .groupBy('outcome')
      .execute()
    return Object.fromEntries(rows.map(({ outcome, count }) => [outcome, Number(count)]))
  },

  /** Nobody works on it from here on. */
  async end(id: string, fields: { status: RunStatus; error?: string | null; at: string }): Promise<void> {
    const { status, error = null, at: finishedAt } = fields
    await tx.updateTable('lifecycleAutomationRun').set({ status, error, finishedAt, claim: null }).where('id', '=', id).execute()
  },

  async confirm(id: string, confirmedBy: string, confirmedAt: string): Promise<void> {
    const again = { status: 'queued', error: null, finishedAt: null, tries: 0, workedAt: confirmedAt } as const
    await tx
      .updateTable('lifecycleAutomationRun')
      .set({ ...again, confirmedBy, confirmedAt })
      .where('id', '=', id)
      .execute()
  },

  /** Whether a run of a rule waits or goes on. */
  async isGoingOn(automationId: string): Promise<boolean> {
    const open = tx.selectFrom('lifecycleAutomationRun').select('id').where('automationId', '=', automationId)
    return (
      (await open.where('status', 'in', ['queued', 'running']).where('trigger', '<>', 'dry_run').limit(1).executeTakeFirst()) !== undefined
    )
  },

  /** The runs of rules that are no more end. */
  async cancelOf(automationIds: readonly string[], at: string): Promise<void> {
    if (automationIds.length === 0) return
    await tx
      .updateTable('lifecycleAutomationRun')
      .set({ status: 'cancelled', error: 'The automation was removed.', finishedAt: at, claim: null })
      .where('automationId', '=', sql<string>`any(${[...automationIds]}::uuid[])`)
      .where('status', 'in', ['queued', 'running', 'needs_confirmation'])
      .execute()
  },

  /** Earlier runs that still ask give way to one that asks now. */
  async supersede(automationId: string, by: string, at: string): Promise<void> {
    await tx
      .updateTable('lifecycleAutomationRun')
      .set({ status: 'cancelled', error: 'A later run took its place.', finishedAt: at })
      .where('automationId', '=', automationId)
      .where('status', '=', 'needs_confirmation')
      .where('id', '<>', by)
      .execute()
  },
})

/** Runs that go on, and on which nobody has worked since a moment. @param db across workspaces */
export const standingRuns = (db: Db, before: string, limit: number): Promise<{ workspaceId: string; id: string }[]> =>
  db
    .selectFrom('lifecycleAutomationRun')
    .select(['workspaceId', 'id'])
    .where('status', 'in', ['queued', 'running'])
    .where('workedAt', '<', before)
    .limit(limit)
    .execute()

/** Runs that were made before a moment go, with their outcomes. @param db across workspaces */
export async function purgeRuns(db: Db, before: string, limit: number): Promise<number> {
  const { numAffectedRows = 0n } = await sql`
    delete from lifecycle_automation_run r using (
      select workspace_id, id from lifecycle_automation_run where created_at < ${before}::timestamptz and status not in ('queued', 'running')
      order by created_at limit ${limit}) old where r.workspace_id = old.workspace_id and r.id = old.id`.execute(db)
  return Number(numAffectedRows)
}
