import type { Db } from '../../../core/db.ts'
import type { Standing, Status } from '../model/transitions.ts'
import '../tables.ts'

type Move = Readonly<{ promptId: string; from: Status; to: Standing; reason: string | null; by: string; at: string }>

/** SQL of the write side. */
export const lifecycleStore = (tx: Db) => ({
  /** Write down a move; the history is never changed. */
  async record({ promptId, from, to: { status, sunsetAt, successorId }, reason, by, at }: Move): Promise<void> {
    await tx
      .insertInto('lifecycleMove')
      .values({ promptId, fromStatus: from, toStatus: status, reason, sunsetAt, successorId, movedBy: by, movedAt: at })
      .execute()
  },
})
