import { hash } from 'node:crypto'
import { type Static, Type } from 'typebox'
import { FreeJson, Nullable, Strict, Timestamp } from '../../../core/schemas.ts'

const Fingerprint = (when: string) =>
  Nullable(Type.String({ pattern: '^[0-9a-f]{64}$' }), {
    description: `SHA-256 of the subject's state ${when}, in hex; null when there was none, or it was not told`,
  })

/** Who did what to which. Written in the transaction of the change, and never changed. */
export const AuditEntry = Strict(
  {
    sequence: Type.Integer({ minimum: 1, description: 'Grows in the order of writing, with gaps' }),
    at: Timestamp,
    actor: Type.String({ description: 'Principal, such as key:<id>' }),
    action: Type.String({ description: 'Type of the event, such as prompt.created; access.refused for attempts without the right' }),
    subject: Type.String({ description: 'Id of what it was done to; of a refused attempt the endpoint' }),
    beforeHash: Fingerprint('before'),
    afterHash: Fingerprint('after'),
    requestId: Type.String(),
    data: FreeJson('What the event told'),
  },
  { $id: 'AuditEntry' },
)
export type AuditEntry = Static<typeof AuditEntry>

/** A refused attempt, counted over a minute. */
export const refusedAction = 'access.refused'

/**
 * The hash of an entry, of 32 bytes: SHA-256 of the JSON text of the array below, without white space. Written down in
 * docs/adr/0011; the SDK computes the same from an exported file.
 */
export const entryHash = (workspaceId: string, e: AuditEntry): Buffer =>
  hash(
    'sha256',
    JSON.stringify([
      'entry/1',
      workspaceId,
      e.sequence,
      e.at,
      e.actor,
      e.action,
      e.subject,
      e.beforeHash,
      e.afterHash,
      e.requestId,
      e.data,
    ]),
    'buffer',
  )

/** The value of a workspace's chain before its first entry. */
export const genesis = (workspaceId: string): Buffer => hash('sha256', JSON.stringify(['chain/1', workspaceId]), 'buffer')

/** The chain's value after one more entry: SHA-256 of its value before and the entry's hash. */
export const link = (previous: Uint8Array, entry: Uint8Array): Buffer => hash('sha256', Buffer.concat([previous, entry]), 'buffer')

/** The hashes of a block one by one. */
export const split = (hashes: Buffer): Buffer[] =>
  Array.from({ length: Math.floor(hashes.length / 32) }, (_, i) => hashes.subarray(i * 32, i * 32 + 32))
