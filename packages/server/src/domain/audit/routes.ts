import { Readable } from 'node:stream'
import { Type } from 'typebox'
import { type AnyEndpoint, endpoint, serve } from '../../core/endpoint.ts'
import { PageOf, PageQuery, Strict } from '../../core/schemas.ts'
import { exportTrail } from './export.ts'
import type { CheckpointLog } from './model/checkpoint.ts'
import { AuditEntry } from './model/entry.ts'
import { PublicKeyInvalid, trusted, Verification } from './model/findings.ts'
import type { Signer } from './model/signing.ts'
import { listEntries } from './queries/entries.ts'
import { verifyTrail } from './verification.ts'

const text = (description: string) => Type.Optional(Type.String({ minLength: 1, maxLength: 400, description }))
const time = (description: string) => Type.Optional(Type.String({ format: 'date-time', description }))

export const routes = ({ signer, log }: { signer: Signer; log: CheckpointLog | undefined }): AnyEndpoint[] => [
  endpoint({
    name: 'audit.list',
    method: 'GET',
    path: '/audit',
    access: 'audit:read',
    summary: 'Who did what to which, newest first, refused attempts included',
    query: Strict({
      ...PageQuery,
      actor: text('A principal, such as key:<id>'),
      action: text('The type of an event, or the beginning of some with .* behind it: prompt.*'),
      subject: text('The id of what it was done to'),
      from: time('Not before this time'),
      to: time('Before this time'),
      requestId: text('X-Request-Id of the request'),
    }),
    reply: PageOf(AuditEntry),
    handle: ({ query }, ctx) => listEntries(query, ctx),
  }),
  serve({
    name: 'audit.export',
    method: 'GET',
    path: '/audit/export',
    access: 'audit:read',
    summary: 'The sealed trail as NDJSON with a signed footer, to be kept and verified elsewhere',
    query: Strict({
      after: Type.Optional(Type.Integer({ minimum: 0, description: 'What follows this position of the chain; all of it unless told' })),
    }),
    reply: Type.String({ description: 'One JSON object a line: a header, entries with checkpoints among them, a footer' }),
    replyType: 'application/x-ndjson',
    handle: async ({ query }, ctx) => ({
      status: 200,
      headers: { 'Content-Type': 'application/x-ndjson; charset=utf-8', 'Cache-Control': 'no-store' },
      body: Readable.from(exportTrail(ctx, signer, query.after ?? 0), { objectMode: false }),
    }),
  }),
  endpoint({
    name: 'audit.verify',
    method: 'GET',
    path: '/audit/verify',
    access: 'audit:read',
    summary: 'Walk the whole chain and compare it with the checkpoints outside of the database',
    query: Strict({
      publicKey: Type.Optional(
        Type.Array(Type.String({ maxLength: 200 }), {
          maxItems: 20,
          description: 'Earlier keys of this installation that are trusted besides the present one; as often as needed',
        }),
      ),
    }),
    reply: Verification,
    errors: [PublicKeyInvalid],
    handle: ({ query }, ctx) => verifyTrail(ctx, { keys: trusted(signer.publicKey, query.publicKey ?? []), signer, log }),
  }),
]
