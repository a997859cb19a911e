import type { Ctx } from '../../../core/context.ts'
import { AppError } from '../../../core/errors.ts'
import { positionBefore } from '../../../core/feed/log.ts'
import { feedHead } from '../../../core/outbox.ts'
import { type ReplayInput, selectionOf } from '../model/replays.ts'
import type { Vault } from '../model/sealing.ts'
import { ReplayRunning, WebhookInactive } from '../model/webhook-failures.ts'
import { replayMissing, replayStore } from '../store/replays.ts'
import { webhookStore } from '../store/webhooks.ts'

type Enqueue = Readonly<{ name: string }>

/**
 * Send again what is named: as a job that goes on where it was when a worker dies. @returns its id
 * @throws WebhookNotFound (404), WebhookInactive, ReplayRunning (409), ReplayInvalid (422)
 */
export const startReplay =
  (vault: Vault, job: Enqueue) =>
  async ({ id, ...input }: { id: string } & ReplayInput, ctx: Ctx): Promise<string> => {
    return ctx.transact(async (tx) => {
      const webhook = await webhookStore(tx, vault).lock(id)
      const { dryRun = false } = input
      const selection = selectionOf(input, ctx.now())
      if (!webhook.active && !dryRun) throw new AppError(WebhookInactive, 'Make the webhook active first: PUT it with "active": true.')
      const running = await replayStore(tx).running(id)
      if (running)
        throw new AppError(ReplayRunning, `Wait until the replay ${running} is over, or cancel it.`, { members: { replayId: running } })
      const head = await feedHead(tx)
      const replayId = ctx.newId()
      await replayStore(tx).add({
        id: replayId,
        webhookId: id,
        selection,
        dryRun,
        status: 'queued',
        position: selection.kind === 'range' ? await positionBefore(tx, selection.from, 0, head) : 0,
        lastPosition: head,
        done: 0,
        total: 0,
        matched: 0,
        error: null,
        createdBy: ctx.actor.id,
        createdAt: ctx.now(),
        startedAt: null,
        finishedAt: null,
      })
      await ctx.enqueue(tx, job, { webhookId: id, id: replayId })
      return replayId
    })
  }

/** End a replay; what it has planned and was not sent is not sent. One that is over stays as it is. @throws WebhookNotFound, ReplayNotFound (404) */
export const cancelReplay =
  (vault: Vault) =>
  async ({ id, replayId }: { id: string; replayId: string }, ctx: Ctx): Promise<void> => {
    await ctx.transact(async (tx) => {
      await webhookStore(tx, vault).assertThere(id)
      const store = replayStore(tx)
      const replay = (await store.find(id, replayId)) ?? replayMissing(replayId)
      if (replay.status === 'cancelled') return
      await store.cancelPending(replay, ctx.now())
      if (replay.status === 'queued' || replay.status === 'running')
        await store.save(replay, { status: 'cancelled', finishedAt: ctx.now() })
    })
  }
