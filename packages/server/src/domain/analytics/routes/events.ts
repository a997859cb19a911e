import { Readable } from 'node:stream'
import { Type } from 'typebox'
import type { Ctx } from '../../../core/context.ts'
import { type AnyEndpoint, endpoint, serve } from '../../../core/endpoint.ts'
import { Strict } from '../../../core/schemas.ts'
import { QuestionInvalid } from '../model/failures.ts'
import { exportRange } from '../model/range.ts'
import { Erased } from '../model/settings.ts'
import { exportEvents } from '../queries/export.ts'

const time = (description: string) => Type.Optional(Type.String({ format: 'date-time', description }))
const types = { ndjson: 'application/x-ndjson', csv: 'text/csv' } as const

export const singleEvents = (erase: (userId: string, ctx: Ctx) => Promise<Erased>): AnyEndpoint[] => [
  serve({
    name: 'analytics.export',
    method: 'GET',
    path: '/analytics/export',
    access: 'analytics:read',
    summary: 'Single events of a time as NDJSON or CSV, streamed, day by day',
    query: Strict({
      from: time('Not before this time; 7 days before `to` without it'),
      to: time('Before this time; now without it'),
      format: Type.Optional(Type.Enum(['ndjson', 'csv'], { description: 'ndjson unless told' })),
    }),
    reply: Type.String({ description: 'An event a line; CSV begins with the names of its columns' }),
    replyType: 'application/x-ndjson',
    errors: [QuestionInvalid],
    handle: async ({ query: { format = 'ndjson', ...asked } }, ctx) => {
      const range = exportRange(asked, Date.parse(ctx.now()))
      return {
        status: 200,
        headers: { 'Content-Type': `${types[format]}; charset=utf-8`, 'Cache-Control': 'no-store' },
        body: Readable.from(exportEvents({ ...range, format }, ctx), { objectMode: false }),
      }
    },
  }),
  endpoint({
    name: 'analytics.erasePerson',
    method: 'DELETE',
    path: '/analytics/data-subjects/:userId',
    access: 'analytics:manage',
    summary: 'Take a person out of all that was measured, and report what was done',
    params: Strict({ userId: Type.String({ minLength: 1, maxLength: 500, description: 'As events named the person' }) }),
    reply: Erased,
    handle: ({ params }, ctx) => erase(params.userId, ctx),
  }),
]
