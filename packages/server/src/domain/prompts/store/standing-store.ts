import type { Db } from '../../../core/db.ts'
import type { Standing } from '../model/standing.ts'
import '../tables.ts'

/** SQL of where a prompt stands in its life; the status itself is saved with the prompt. */
export const standingStore = (tx: Db) => ({
  get: (id: string): Promise<Standing> =>
    tx.selectFrom('prompt').select(['status', 'deprecatedAt', 'sunsetAt', 'successorId']).where('id', '=', id).executeTakeFirstOrThrow(),

  async save(id: string, { deprecatedAt, sunsetAt, successorId }: Standing): Promise<void> {
    await tx.updateTable('prompt').set({ deprecatedAt, sunsetAt, successorId }).where('id', '=', id).execute()
  },
})
