import { Type } from 'typebox'
import type { Acting } from '../../../core/acting.ts'
import type { Ctx } from '../../../core/context.ts'
import { isAppError } from '../../../core/errors.ts'
import { type Job, job } from '../../../core/jobs.ts'
import '../tables.ts'

/** How many are published in one run; the rest a minute later. */
const most = 200

export type Due = Acting &
  Readonly<{
    publish(review: Readonly<{ id: string }>, ctx: Ctx): Promise<void>
    fail(failure: Readonly<{ id: string; detail: string }>, ctx: Ctx): Promise<void>
  }>

type Planned = Readonly<{ workspaceId: string; id: string; publishBy: string }>

/** Each minute, once per cluster, what is planned for then is published, with the rights that who planned it has by then. */
export const publishDueReviews = (due: Due): Job =>
  job({
    name: 'lifecycle.publish_due_reviews',
    payload: Type.Object({}),
    retries: 0, // the next minute tries again
    schedule: '* * * * *',
    run: (_payload, ctx) => publishAll(due, ctx),
  })

/** What fails for a reason of ours is left for the next run, and does not hold up the others. */
async function publishAll(due: Due, ctx: Ctx): Promise<void> {
  const failures: unknown[] = []
  for (const planned of await plannedFor(ctx)) await publishOne(planned, due).catch((error) => failures.push(error))
  if (failures.length > 0) throw failures[0]
}

const plannedFor = (ctx: Ctx): Promise<Planned[]> =>
  ctx.system(
    (db) =>
      db
        .selectFrom('review')
        .select(['workspaceId', 'id'])
        .select((e) => e.ref('publishBy').$notNull().as('publishBy'))
        .where('publishAt', '<=', ctx.now())
        .where('publishBy', 'is not', null)
        .orderBy('publishAt')
        .limit(most)
        .execute(),
    'read',
  )

async function publishOne({ workspaceId, id, publishBy }: Planned, { contextFor, presence, publish, fail }: Due): Promise<void> {
  const origin = { requestId: `review:${id}` }
  const nobody = contextFor({ id: publishBy, workspaceId, permissions: new Set(), instanceAdmin: false }, origin)
  const principal = (await presence([publishBy], nobody)).get(publishBy)
  if (!principal) return fail({ id, detail: `${publishBy}, who planned it, is no key or member of the workspace any more.` }, nobody)
  await publish({ id }, contextFor(principal, origin)).catch((error) => {
    if (!isAppError(error) || error.kind.status >= 500) throw error
    return fail({ id, detail: error.detail }, nobody)
  })
}
