import { Type } from 'typebox'
import { type AnyEndpoint, endpoint, serve } from '../../../core/endpoint.ts'
import { eventStreamType } from '../../../core/event-stream.ts'
import { operationFields, progressStream, untilOver } from '../../../core/operation.ts'
import { Id, Nullable, Strict, Timestamp } from '../../../core/schemas.ts'
import { cancelReplay, startReplay } from '../commands/replays.ts'
import { ReplayInput } from '../model/replays.ts'
import type { Vault } from '../model/sealing.ts'
import { ReplayInvalid, ReplayNotFound, ReplayRunning, WebhookInactive, WebhookNotFound } from '../model/webhook-failures.ts'
import { getReplay } from '../queries/replays.ts'
import { spans, WebhookId } from './webhooks.ts'

const Replay = Strict(
  {
    id: Id,
    webhookId: Id,
    from: Nullable(Timestamp),
    to: Nullable(Timestamp),
    failedSince: Nullable(Timestamp),
    eventIds: Nullable(Type.Array(Type.String())),
    dryRun: Type.Boolean(),
    ...operationFields,
    matched: Type.Integer({ minimum: 0, description: 'How many are sent again, or would be' }),
    createdBy: Type.String(),
    createdAt: Timestamp,
  },
  { $id: 'WebhookReplay', description: '`progress` counts what was looked at' },
)
const ReplayId = Strict({ id: Id, replayId: Id })
const absences = [WebhookNotFound, ReplayNotFound]

export const replays = (vault: Vault, job: { name: string }): AnyEndpoint[] => {
  const start = startReplay(vault, job)
  const cancel = cancelReplay(vault)
  return [
    endpoint({
      name: 'webhooks.replay',
      method: 'POST',
      path: '/webhooks/:id/replay',
      access: 'webhooks:write',
      spans,
      summary: 'Send again what happened in a time, what failed, or single events; or count them by a dry run',
      params: WebhookId,
      body: ReplayInput,
      status: 202,
      reply: Replay,
      errors: [WebhookNotFound, WebhookInactive, ReplayRunning, ReplayInvalid],
      location: ({ webhookId, id }) => `/webhooks/${webhookId}/replays/${id}`,
      awaited: ({ webhookId, id }, waitMs, ctx) => untilOver(() => getReplay({ id: webhookId, replayId: id }, ctx), waitMs),
      handle: async ({ params, body }, ctx) => getReplay({ ...params, replayId: await start({ ...params, ...body }, ctx) }, ctx),
    }),
    endpoint({
      name: 'webhooks.getReplay',
      method: 'GET',
      path: '/webhooks/:id/replays/:replayId',
      access: 'webhooks:read',
      spans,
      summary: 'Get a replay: how far it is, and how many it sends again',
      params: ReplayId,
      reply: Replay,
      errors: absences,
      handle: ({ params }, ctx) => getReplay(params, ctx),
    }),
    serve({
      name: 'webhooks.replayEvents',
      method: 'GET',
      path: '/webhooks/:id/replays/:replayId/events',
      access: 'webhooks:read',
      spans,
      summary: 'Follow a replay as server-sent events',
      params: ReplayId,
      reply: Type.String({ description: 'Events `progress` and `finished`, each with the replay as it stands' }),
      replyType: eventStreamType,
      errors: absences,
      async handle({ params }, ctx, headers) {
        await getReplay(params, ctx) // what is nowhere is a 404, not a stream
        return progressStream(() => getReplay(params, ctx), headers['last-event-id'])
      },
    }),
    endpoint({
      name: 'webhooks.cancelReplay',
      method: 'POST',
      path: '/webhooks/:id/replays/:replayId/cancel',
      access: 'webhooks:write',
      spans,
      summary: 'End a replay; what it planned and was not sent yet is not sent',
      params: ReplayId,
      reply: Replay,
      errors: absences,
      async handle({ params }, ctx) {
        await cancel(params, ctx)
        return getReplay(params, ctx)
      },
    }),
  ]
}
