import { Readable } from 'node:stream'
import { Type } from 'typebox'
import type { Ctx } from '../../../core/context.ts'
import { type AnyEndpoint, endpoint, linesType, serve } from '../../../core/endpoint.ts'
import { eventStreamType } from '../../../core/event-stream.ts'
import { OperationStatus, progressStream, untilOver } from '../../../core/operation.ts'
import { Id, PageOf, PageQuery, Strict } from '../../../core/schemas.ts'
import { cancel, retry } from '../commands/steer.ts'
import { NothingToRetry, OperationNotFound, OperationOver, OperationUnderWay, TooManyOperations } from '../model/failures.ts'
import { exportItems, getOperation, listItems, listOperations } from '../queries/operations.ts'
import { BulkItem, BulkOperation, KindField, OutcomeField } from '../queries/shapes.ts'

const params = Strict({ id: Id })
const outcome = Type.Optional(OutcomeField)
const awaited = ({ id }: BulkOperation, waitMs: number, ctx: Ctx) => untilOver(() => getOperation({ id }, ctx), waitMs)

const reading: AnyEndpoint[] = [
  endpoint({
    name: 'bulk.list',
    method: 'GET',
    path: '/bulk/operations',
    access: 'prompts:read',
    summary: 'List bulk operations, the newest first; they are kept for 30 days after their end',
    query: Strict({ status: Type.Optional(OperationStatus), kind: Type.Optional(KindField), ...PageQuery }),
    reply: PageOf(BulkOperation),
    handle: ({ query }, ctx) => listOperations(query, ctx),
  }),
  endpoint({
    name: 'bulk.get',
    method: 'GET',
    path: '/bulk/operations/:id',
    access: 'prompts:read',
    summary: 'Get how far a bulk operation is; when it is over and small, with its items',
    params,
    reply: BulkOperation,
    errors: [OperationNotFound],
    handle: ({ params }, ctx) => getOperation(params, ctx),
  }),
  endpoint({
    name: 'bulk.items',
    method: 'GET',
    path: '/bulk/operations/:id/items',
    access: 'prompts:read',
    summary: 'List what became of the items, in the order in which they were sent',
    params,
    query: Strict({ outcome, ...PageQuery }),
    reply: PageOf(BulkItem),
    errors: [OperationNotFound],
    handle: ({ params, query }, ctx) => listItems({ ...params, ...query }, ctx),
  }),
  serve({
    name: 'bulk.exportItems',
    method: 'GET',
    path: '/bulk/operations/:id/items/export',
    access: 'prompts:read',
    summary: 'What became of all items, as NDJSON with one item a line',
    params,
    query: Strict({ outcome }),
    reply: Type.String({ description: 'One BulkItem a line' }),
    replyType: linesType,
    errors: [OperationNotFound],
    handle: async ({ params, query }, ctx) => ({
      status: 200,
      headers: { 'Content-Type': `${linesType}; charset=utf-8`, 'Cache-Control': 'no-store' },
      body: Readable.from(await exportItems({ ...params, ...query }, ctx), { objectMode: false }),
    }),
  }),
  serve({
    name: 'bulk.events',
    method: 'GET',
    path: '/bulk/operations/:id/events',
    access: 'prompts:read',
    summary: 'Follow a bulk operation as server-sent events: progress, and finished at its end',
    params,
    reply: Type.String({ description: 'Each event has the operation as its data' }),
    replyType: eventStreamType,
    errors: [OperationNotFound],
    async handle({ params }, ctx, headers) {
      await getOperation(params, ctx)
      return progressStream(() => getOperation(params, ctx), headers['last-event-id'])
    },
  }),
]

const steering: AnyEndpoint[] = [
  endpoint({
    name: 'bulk.cancel',
    method: 'PUT',
    path: '/bulk/operations/:id/cancel',
    access: 'prompts:write',
    summary: 'End an operation before its next item; what is done stays, of an atomic one nothing',
    params,
    reply: BulkOperation,
    errors: [OperationNotFound, OperationOver],
    awaited,
    handle: ({ params }, ctx) => cancel(params, ctx).then(() => getOperation(params, ctx)),
  }),
  endpoint({
    name: 'bulk.retry',
    method: 'POST',
    path: '/bulk/operations/:id/retry',
    access: 'prompts:write',
    summary: 'Try the failed items again as an operation of its own; of an atomic one all',
    params,
    status: 202,
    reply: BulkOperation,
    errors: [OperationNotFound, OperationUnderWay, NothingToRetry, TooManyOperations],
    location: ({ id }) => `/bulk/operations/${id}`,
    awaited,
    handle: ({ params }, ctx) => retry(params, ctx).then((id) => getOperation({ id }, ctx)),
  }),
]

export const operations: AnyEndpoint[] = [...reading, ...steering]
