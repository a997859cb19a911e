import type { Db } from '../../../core/db.ts'
import type { Policy } from '../model/policies.ts'
import '../tables.ts'

export const policyColumns = ['scope', 'approvals', 'checks', 'freeze', 'compatibility', 'updatedBy', 'updatedAt', 'revision'] as const

/** All policies of the workspace, in the order of their scopes. */
export const policiesOf = (db: Db): Promise<Policy[]> => db.selectFrom('lifecyclePolicy').select(policyColumns).orderBy('scope').execute()

/** SQL of the write side. */
export const policyStore = (tx: Db) => ({
  lock: (scope: string): Promise<Policy | undefined> =>
    tx.selectFrom('lifecyclePolicy').select(policyColumns).where('scope', '=', scope).forUpdate().executeTakeFirst(),

  async count(): Promise<number> {
    const { count } = await tx
      .selectFrom('lifecyclePolicy')
      .select((e) => e.fn.countAll<string>().as('count'))
      .executeTakeFirstOrThrow()
    return Number(count)
  },

  async save(policy: Policy): Promise<void> {
    const row = { ...policy, checks: [...policy.checks], freeze: JSON.stringify(policy.freeze) }
    await tx
      .insertInto('lifecyclePolicy')
      .values(row)
      .onConflict((c) => c.columns(['workspaceId', 'scope']).doUpdateSet(row))
      .execute()
  },

  async remove(scope: string): Promise<void> {
    await tx.deleteFrom('lifecyclePolicy').where('scope', '=', scope).execute()
  },
})
