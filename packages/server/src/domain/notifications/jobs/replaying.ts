import { Type } from 'typebox'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import type { LoggedEvent } from '../../../core/events.ts'
import { eventIdOf } from '../../../core/events.ts'
import type { Expressions } from '../../../core/expressions.ts'
import { countPlaced, logged } from '../../../core/feed/log.ts'
import { type Job, job } from '../../../core/jobs.ts'
import type { ReplaySelection } from '../model/replays.ts'
import { deliveryStore } from '../store/deliveries.ts'
import { addDeliveries } from '../store/planning.ts'
import { type ReplayState, replayStore } from '../store/replays.ts'
import { plannedOf, wantedBy } from './planning.ts'

/** Events, or deliveries, in one transaction. */
const batch = 500
/** A run ends after this long and the next goes on: a worker that dies is missed soon. Milliseconds. */
const runMs = 15_000

const replayJob = { name: 'notifications.replay' }
const payload = Type.Object({ webhookId: Type.String(), id: Type.String() })

/** Replays, step by step; each step is one transaction with the place that it has come to, so none is done twice. @param wake something has become due */
export function createReplaying(expressions: Pick<Expressions, 'evaluateAll'>, wake: () => void): Job {
  return job({
    ...replayJob,
    payload,
    retries: 20,
    expireInSeconds: 60,
    async run({ webhookId, id }, ctx) {
      const end = performance.now() + runMs
      while (await step(webhookId, id, expressions, ctx)) {
        wake()
        if (performance.now() > end) return void (await ctx.transact((tx) => ctx.enqueue(tx, replayJob, { webhookId, id })))
      }
      wake()
    },
  })
}

/** @returns whether there is more to do */
const step = (webhookId: string, id: string, expressions: Pick<Expressions, 'evaluateAll'>, ctx: Ctx): Promise<boolean> =>
  ctx.transact(async (tx) => {
    const store = replayStore(tx)
    const found = await store.find(webhookId, id)
    if (!found || (found.status !== 'queued' && found.status !== 'running')) return false
    const replay = found.status === 'queued' ? await begin(tx, found, ctx.now()) : found
    const { more, ...change } =
      replay.selection.kind === 'failed' ? await failedStep(tx, replay, ctx.now()) : await eventsStep(tx, replay, expressions, ctx.now())
    await store.save(replay, { ...change, ...(!more && { status: 'succeeded', finishedAt: ctx.now() }) })
    return more
  })

async function begin(tx: Db, replay: ReplayState, at: string): Promise<ReplayState> {
  const { selection, position, lastPosition } = replay
  const total =
    selection.kind === 'failed'
      ? (await replayStore(tx).failedSince(replay, selection.since)).length
      : await countPlaced(tx, position, lastPosition)
  const change = { status: 'running', startedAt: at, total } as const
  await replayStore(tx).save(replay, change)
  return { ...replay, ...change }
}

type Step = Readonly<{ more: boolean; done: number; total?: number; matched: number; position?: number }>

async function failedStep(tx: Db, replay: ReplayState, at: string): Promise<Step> {
  const { selection, dryRun, done, total } = replay
  if (selection.kind !== 'failed' || dryRun) return { more: false, done: total, matched: total }
  const ids = await replayStore(tx).failedSince(replay, selection.since, batch)
  await deliveryStore(tx).makeDue(ids, at, replay.id)
  const reached = done + ids.length
  return { more: ids.length === batch, done: reached, total: Math.max(total, reached), matched: reached }
}

async function eventsStep(tx: Db, replay: ReplayState, expressions: Pick<Expressions, 'evaluateAll'>, at: string): Promise<Step> {
  const events = await logged(tx, { after: replay.position, upTo: replay.lastPosition, limit: batch })
  const webhook = await tx
    .selectFrom('webhook')
    .select(['id', 'events', 'filter'])
    .where('id', '=', replay.webhookId)
    .executeTakeFirstOrThrow()
  const planned = []
  for (const event of events.filter((one) => isNamed(one, replay.selection))) {
    const wanting = replay.selection.kind === 'events' ? [webhook] : await wantedBy(event, [webhook], expressions, () => undefined)
    if (wanting.length > 0) planned.push({ ...plannedOf(event, webhook.id), replayId: replay.id })
  }
  if (!replay.dryRun) await addDeliveries(tx, planned, at)
  const matched = replay.matched + planned.length
  const all = replay.selection.kind === 'events' && matched === replay.selection.ids.length
  const more = events.length === batch && !all
  return {
    more,
    matched,
    done: more ? replay.done + events.length : replay.total,
    position: events.at(-1)?.position ?? replay.lastPosition,
  }
}

const isNamed = (event: LoggedEvent, selection: ReplaySelection): boolean => {
  if (selection.kind === 'events') return selection.ids.includes(eventIdOf(event))
  return selection.kind === 'range' && event.createdAt >= selection.from && event.createdAt < selection.to
}
