import type { Ctx } from '../../../core/context.ts'
import { type ReplayState, replayColumns, replayMissing } from '../store/replays.ts'
import { webhookMissing } from '../store/webhooks.ts'
import '../tables/webhooks.ts'

/** What is told of a replay. */
const viewOf = ({ selection, position: _, lastPosition: __, done, total, ...replay }: ReplayState) => ({
  ...replay,
  from: selection.kind === 'range' ? selection.from : null,
  to: selection.kind === 'range' ? selection.to : null,
  failedSince: selection.kind === 'failed' ? selection.since : null,
  eventIds: selection.kind === 'events' ? [...selection.ids] : null,
  progress: { done, total },
})
export type ReplayView = ReturnType<typeof viewOf>

/** @throws WebhookNotFound, ReplayNotFound (404) */
export const getReplay = ({ id, replayId }: { id: string; replayId: string }, ctx: Ctx): Promise<ReplayView> =>
  ctx.read(async (db) => {
    if (!(await db.selectFrom('webhook').select('id').where('id', '=', id).executeTakeFirst())) return webhookMissing(id)
    const row = await db
      .selectFrom('webhookReplay')
      .select(replayColumns)
      .where('webhookId', '=', id)
      .where('id', '=', replayId)
      .executeTakeFirst()
    return row ? viewOf(row) : replayMissing(replayId)
  })
