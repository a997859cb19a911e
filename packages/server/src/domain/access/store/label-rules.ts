import { CompiledQuery } from 'kysely'
import type { Db } from '../../../core/db.ts'
import type { LabelRule } from '../model/label-rules.ts'
import '../tables.ts'

export const ruleColumns = ['label', 'protected', 'roles', 'categories', 'updatedBy', 'updatedAt', 'revision'] as const

/** Named, since every change of a label asks it. */
const rulesSql = `/*hot:label_rules*/
select label, protected, roles, categories from label_rule where protected and label = any ($1::text[])`

/** The rules that protect some of these labels, somewhere. */
export const protectionsOf = async (
  tx: Db,
  labels: readonly string[],
): Promise<Pick<LabelRule, 'label' | 'protected' | 'roles' | 'categories'>[]> =>
  (await tx.executeQuery<LabelRule>(CompiledQuery.raw(rulesSql, [labels]))).rows

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
