import type { Db } from '../../../core/db.ts'
import type { LabelRule } from '../model/label-rules.ts'
import '../tables.ts'

export const ruleColumns = ['label', 'protected', 'roles', 'categories', 'updatedBy', 'updatedAt', 'revision'] as const

export type Protection = Pick<LabelRule, 'label' | 'protected' | 'roles' | 'categories'>

/** The rules of the workspace that protect a label somewhere. */
export const protectionsOf = (tx: Db): Promise<Protection[]> =>
  tx.selectFrom('labelRule').select(['label', 'protected', 'roles', 'categories']).where('protected', '=', true).execute()

export const labelRuleStore = (tx: Db) => ({
  lock: (label: string): Promise<LabelRule | undefined> =>
    tx.selectFrom('labelRule').select(ruleColumns).where('label', '=', label).forUpdate().executeTakeFirst(),

  async save(rule: LabelRule, by: { updatedBy: string; updatedAt: string }): Promise<void> {
    const row = { ...rule, ...by }
    await tx
      .insertInto('labelRule')
      .values(row)
      .onConflict((c) => c.columns(['workspaceId', 'label']).doUpdateSet(row))
      .execute()
  },
})
