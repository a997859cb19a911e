import { sql } from 'kysely'
import { visibleCategories } from '../../../core/access.ts'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { AppError } from '../../../core/errors.ts'
import { type Paged, stepOf } from '../../../core/page.ts'
import type { Page } from '../../../core/schemas.ts'
import { findStandings } from '../../prompts/index.ts'
import type { Automation } from '../model/automations.ts'
import { AutomationNotFound, RunNotFound } from '../model/automations-failures.ts'
import type { AutomationRun, Counts, Outcome, OutcomeKind } from '../model/automations-runs.ts'
import { ruleColumns, type StoredRule } from '../store/automations.ts'
import '../tables.ts'

const shown = ({ rule, scheduledAt: _at, ...stored }: StoredRule): Automation => ({ ...rule, ...stored }) as Automation

/** All rules of the workspace, by name: at most fifty. */
export const listAutomations = async (ctx: Ctx): Promise<Automation[]> => {
  const rows = await ctx.read((db) => db.selectFrom('lifecycleAutomation').select(ruleColumns).orderBy('name').execute())
  return rows.map(shown)
}

/** @throws AutomationNotFound */
export async function getAutomation({ id }: { id: string }, ctx: Ctx): Promise<Automation> {
  const row = await ctx.read((db) => db.selectFrom('lifecycleAutomation').select(ruleColumns).where('id', '=', id).executeTakeFirst())
  if (!row) throw new AppError(AutomationNotFound, `There is no automation ${id}.`)
  return shown(row)
}

/** Runs with their outcomes counted. */
const runs = (db: Db) =>
  db
    .selectFrom('lifecycleAutomationRun as r')
    .select(['id', 'automationId', 'rule', 'trigger', 'requestedBy', 'actsFor', 'status', 'createdAt', 'startedAt', 'finishedAt'])
    .select([
      'reason',
      'error',
      'confirmedBy',
      'confirmedAt',
      'prompts',
      'examined',
      'examinedAll',
      'matched',
      'notApplicable',
      'conditionErrors',
    ])
    .select('errorSamples as errors')
    .select(
      sql<Partial<Record<OutcomeKind, number>>>`(select coalesce(json_object_agg(outcome, n), '{}') from
        (select outcome, count(*)::int as n from lifecycle_automation_outcome o where o.run_id = r.id group by 1) c)`.as('outcomes'),
    )
type RunRow = Awaited<ReturnType<ReturnType<typeof runs>['execute']>>[number]

/** A caller whose reading is limited to categories learns nothing of how many prompts there are in others. */
function shownRun({ prompts, examinedAll, outcomes, ...row }: RunRow, ctx: Ctx): AutomationRun {
  const { examined, matched, notApplicable, conditionErrors, errors, ...run } = row
  const { found = 0, applied = 0, would_apply: wouldApply = 0, blocked = 0, skipped = 0, failed = 0 } = outcomes
  const done = applied + wouldApply + blocked + skipped + failed
  const isOver = !['queued', 'running', 'needs_confirmation'].includes(run.status)
  const total = (examinedAll ? examined : Math.max(prompts, examined)) + done + found
  const counts: Counts = { examined, matched, notApplicable, conditionErrors, found, applied, wouldApply, blocked, skipped, failed }
  const progress = { done: examined + done, total: isOver ? examined + done : total }
  if (visibleCategories(ctx.actor)) return { ...run, error: null, progress: { done: 0, total: 0 }, counts: null, errors: [] }
  return { ...run, progress, counts, errors }
}

export type ListRuns = Paged & Readonly<{ automationId?: string | undefined; status?: string | undefined; trigger?: string | undefined }>

/** The runs of the last ninety days, newest first. */
export async function listRuns({ automationId, status, trigger, ...paged }: ListRuns, ctx: Ctx): Promise<Page<AutomationRun>> {
  const { after, take, page } = stepOf(`automation runs ${automationId} ${status} ${trigger}`, paged, ctx)
  return ctx.read(async (db) => {
    const rows = await runs(db)
      .$if(automationId !== undefined, (query) => query.where('automationId', '=', automationId!))
      .$if(status !== undefined, (query) => query.where('status', '=', status as never))
      .$if(trigger !== undefined, (query) => query.where('trigger', '=', trigger as never))
      .$if(after !== undefined, (query) => query.where(sql<boolean>`id < ${after?.[0]}::uuid`))
      .orderBy('id', 'desc')
      .limit(take)
      .execute()
    const found = await page(rows, (last) => [last.id])
    return { ...found, items: found.items.map((row) => shownRun(row, ctx)) }
  })
}

/** @throws RunNotFound */
export async function getRun({ id }: { id: string }, ctx: Ctx): Promise<AutomationRun> {
  const row = await ctx.read((db) => runs(db).where('id', '=', id).executeTakeFirst())
  if (!row) throw new AppError(RunNotFound, `There is no run ${id}.`)
  return shownRun(row, ctx)
}

/** The details of a problem may name prompts that the rule's author sees, and the reader does not. */
const withoutDetail = (problem: Outcome['problem']): Outcome['problem'] =>
  problem && Object.fromEntries(Object.entries(problem).filter(([field]) => ['code', 'title', 'status'].includes(field)))

export type ListOutcomes = Paged & Readonly<{ id: string; outcome?: OutcomeKind | undefined }>

/** What became of the prompts of a run, as far as the caller may see them. @throws RunNotFound */
export async function listOutcomes({ id, outcome, ...paged }: ListOutcomes, ctx: Ctx): Promise<Page<Outcome>> {
  const { after, take, page } = stepOf(`automation outcomes ${id} ${outcome}`, paged, ctx)
  await getRun({ id }, ctx)
  const visible = visibleCategories(ctx.actor)
  return ctx.read(async (db) => {
    const rows = await db
      .selectFrom('lifecycleAutomationOutcome')
      .select(['promptId', 'category', 'name', 'outcome', 'problem', 'at'])
      .where('runId', '=', id)
      .$if(outcome !== undefined, (query) => query.where('outcome', '=', outcome!))
      .$if(visible !== undefined, (query) => query.where('category', '=', sql<string>`any(${[...(visible ?? [])]}::text[])`))
      .$if(after !== undefined, (query) => query.where(sql<boolean>`prompt_id > ${after?.[0]}::uuid`))
      .orderBy('promptId')
      .limit(take)
      .execute()
    const found = await page(rows, (last) => [last.promptId])
    if (!visible) return found
    // One that has gone to another category since is not for this caller any more.
    const ids = found.items.map(({ promptId }) => promptId)
    const seen = new Set((await findStandings(db, ids)).map((standing) => standing.id))
    const own = found.items.filter(({ promptId }) => seen.has(promptId))
    return { ...found, items: own.map((item) => ({ ...item, problem: withoutDetail(item.problem) })) }
  })
}
