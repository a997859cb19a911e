import { sql } from 'kysely'
import type { Db } from '../../../core/db.ts'
import { AppError } from '../../../core/errors.ts'
import type { Rule } from '../model/automations.ts'
import { AutomationNotFound } from '../model/automations-failures.ts'
import '../tables.ts'

/** A rule as it is stored. `scheduledAt` is the moment from which `nextRunAt` was reckoned. */
export type StoredRule = Readonly<{
  id: string
  rule: Rule
  disabledReason: string | null
  savedBy: string
  savedAt: string
  revision: number
  scheduledAt: string
  nextRunAt: string | null
}>

export const ruleColumns = ['id', 'rule', 'disabledReason', 'savedBy', 'savedAt', 'revision', 'scheduledAt', 'nextRunAt'] as const

const absent = (id: string) => new AppError(AutomationNotFound, `There is no automation ${id}.`)

/** SQL of the write side of rules. */
export const automationStore = (tx: Db) => ({
  /** Whoever changes the rules of a workspace queues here. @returns all of them, by name */
  async lockAll(workspaceId: string): Promise<StoredRule[]> {
    await sql`select pg_advisory_xact_lock(hashtextextended(${`automations ${workspaceId}`}, 0))`.execute(tx)
    return tx.selectFrom('lifecycleAutomation').select(ruleColumns).orderBy('name').execute()
  },

  /** @throws AutomationNotFound */
  async get(id: string): Promise<StoredRule> {
    const row = await tx.selectFrom('lifecycleAutomation').select(ruleColumns).where('id', '=', id).executeTakeFirst()
    if (!row) throw absent(id)
    return row
  },

  /** @throws AutomationNotFound */
  async lock(id: string): Promise<StoredRule> {
    const row = await tx.selectFrom('lifecycleAutomation').select(ruleColumns).where('id', '=', id).forUpdate().executeTakeFirst()
    if (!row) throw absent(id)
    return row
  },

  /** The rule, unless somebody else has it in hand or it is gone. */
  take: (id: string): Promise<StoredRule | undefined> =>
    tx.selectFrom('lifecycleAutomation').select(ruleColumns).where('id', '=', id).forUpdate().skipLocked().executeTakeFirst(),

  /** Names may go from one rule to another, so all that change give theirs up first. */
  async freeNames(ids: readonly string[]): Promise<void> {
    if (ids.length > 0)
      await sql`update lifecycle_automation set name = ${'\u0001'} || id::text where id = any(${[...ids]}::uuid[])`.execute(tx)
  },

  async save({ id, rule, ...fields }: StoredRule): Promise<void> {
    const row = { ...fields, name: rule.name, rule: JSON.stringify(rule), enabled: rule.enabled }
    await tx
      .insertInto('lifecycleAutomation')
      .values({ id, ...row })
      .onConflict((conflict) => conflict.columns(['workspaceId', 'id']).doUpdateSet(row))
      .execute()
  },

  async remove(ids: readonly string[]): Promise<void> {
    if (ids.length > 0)
      await tx
        .deleteFrom('lifecycleAutomation')
        .where('id', '=', sql<string>`any(${[...ids]}::uuid[])`)
        .execute()
  },
})

export type DueRule = Readonly<{ workspaceId: string; id: string }>

/**
 * Rules whose time has come, the longest due first, and those that were reckoned at a moment that has not come: the clock
 * was set back. @param db across workspaces
 */
export const dueRules = (db: Db, now: string, limit: number): Promise<DueRule[]> =>
  db
    .selectFrom('lifecycleAutomation')
    .select(['workspaceId', 'id'])
    .where('nextRunAt', 'is not', null)
    .where((e) => e.or([e('nextRunAt', '<=', now), e('scheduledAt', '>', now)]))
    .orderBy('nextRunAt')
    .limit(limit)
    .execute()
