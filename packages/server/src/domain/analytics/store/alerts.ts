import { sql } from 'kysely'
import type { Db } from '../../../core/db.ts'
import { promptFacts } from '../../prompts/index.ts'
import type { AlertRule, Evaluation } from '../model/alert.ts'
import type { Standing, StoredBaseline } from '../model/alerting.ts'
import '../tables.ts'

export type StoredAlert = Standing &
  Readonly<{
    id: string
    rule: AlertRule
    evaluation: Evaluation | null
    baseline: StoredBaseline | null
    savedBy: string
    savedAt: string
  }>

const columns = ['id', 'rule', 'state', 'since', 'turningAt', 'evaluatedAt', 'evaluation', 'baseline', 'savedBy', 'savedAt'] as const

const json = (value: object | null) => value && JSON.stringify(value)

/** The rules of the workspace, in the order in which they were sent. */
export const alertStore = (db: Db) => ({
  all: (): Promise<StoredAlert[]> => db.selectFrom('analyticsAlert').select(columns).orderBy('position').execute(),

  /** The same for whoever changes them all: others queue here. */
  async lockAll(workspaceId: string): Promise<StoredAlert[]> {
    await sql`select pg_advisory_xact_lock(hashtextextended(${`alerts ${workspaceId}`}, 0))`.execute(db)
    return db.selectFrom('analyticsAlert').select(columns).orderBy('position').forUpdate().execute()
  },

  lock: (id: string): Promise<StoredAlert | undefined> =>
    db.selectFrom('analyticsAlert').select(columns).where('id', '=', id).forUpdate().executeTakeFirst(),

  /** Put these in the place of all that were there. */
  async replace(alerts: readonly StoredAlert[]): Promise<void> {
    await db.deleteFrom('analyticsAlert').execute()
    if (alerts.length === 0) return
    const rows = alerts.map(({ rule, evaluation, baseline, ...rest }, position) => ({
      ...rest,
      position,
      name: rule.name,
      rule: JSON.stringify(rule),
      evaluation: json(evaluation),
      baseline: json(baseline),
    }))
    await db.insertInto('analyticsAlert').values(rows).execute()
  },

  /** What an evaluation changes. */
  async stand({ id, state, since, turningAt, evaluatedAt, evaluation, baseline }: StoredAlert): Promise<void> {
    const found = { state, since, turningAt, evaluatedAt, evaluation: json(evaluation), baseline: json(baseline) }
    await db.updateTable('analyticsAlert').set(found).where('id', '=', id).execute()
  },
})

/** Every rule there is. @param db across workspaces */
export const everyAlert = (db: Db): Promise<{ workspaceId: string; id: string }[]> =>
  db.selectFrom('analyticsAlert').select(['workspaceId', 'id']).orderBy('workspaceId').orderBy('position').execute()

/** The categories of the prompts that rules are about. */
export async function categoriesOf(tx: Db, rules: readonly AlertRule[]): Promise<Map<string, string>> {
  const ids = [...new Set(rules.flatMap(({ scope }) => scope?.promptId ?? []))]
  return new Map((await promptFacts(tx, ids)).map(({ id, category }) => [id, category]))
}
