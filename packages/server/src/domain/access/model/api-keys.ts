import { type Static, Type } from 'typebox'
import { AppError, type ErrorKind } from '../../../core/errors.ts'
import { unprocessable } from '../../../core/problem.ts'
import { Id, Nullable, ShortText, Strict, Timestamp } from '../../../core/schemas.ts'
import { KeyInvalid, KeyNotLive } from './failures.ts'

const Cidrs = Type.Array(Type.String({ minLength: 1, maxLength: 64 }), {
  minItems: 1,
  maxItems: 100,
  description: 'Networks (10.0.0.0/8, 2001:db8::/32) or addresses that it may be used from, as the service sees them',
})
const expiresAt = { format: 'date-time', maxLength: 40, description: 'When it stops to work; RFC 3339' }
export const RoleName = ShortText('The name of a built-in or custom role')
export const Permission = Type.String({ minLength: 1, maxLength: 100, description: 'Such as prompts:read' })

/** A key as it is shown: all but the key itself. */
export const ApiKey = Strict(
  {
    id: Id,
    workspaceId: Id,
    name: Type.String(),
    role: Nullable(Type.String(), { description: 'The role it has; null for one with scopes' }),
    scopes: Type.Array(Type.String(), { description: 'Its permissions, when it has no role' }),
    instanceAdmin: Type.Boolean({ description: 'Administers the installation too' }),
    expiresAt: Nullable(Timestamp),
    allowedCidrs: Nullable(Type.Array(Type.String())),
    createdBy: Type.String(),
    createdAt: Timestamp,
    lastUsedAt: Nullable(Timestamp, { description: 'To the minute' }),
    revokedAt: Nullable(Timestamp),
    retiresAt: Nullable(Timestamp, { description: 'After a rotation: how long it goes on beside the new key' }),
    rotatedTo: Nullable(Id, { description: 'The key that took its place' }),
  },
  { $id: 'ApiKey' },
)
export type ApiKey = Static<typeof ApiKey>

export const NewApiKey = Strict(
  {
    ...ApiKey.properties,
    key: Type.Optional(
      Type.String({ description: 'The key itself, shown this once; an answer that is replayed for its Idempotency-Key lacks it' }),
    ),
  },
  { $id: 'NewApiKey' },
)

export const CreateApiKey = Strict(
  {
    name: ShortText('What it is for'),
    workspaceId: Type.Optional(
      Type.String({ ...Id, description: "The workspace it is of; another than one's own: instance administrators only" }),
    ),
    role: Type.Optional(RoleName),
    scopes: Type.Optional(Type.Array(Permission, { maxItems: 100, description: 'Permissions, in place of a role' })),
    expiresAt: Type.Optional(Type.String(expiresAt)),
    allowedCidrs: Type.Optional(Cidrs),
  },
  { $id: 'CreateApiKey' },
)
export type CreateApiKey = Static<typeof CreateApiKey>

const dayMs = 24 * 3_600_000
/** How long a rotated key goes on unless told, in milliseconds. */
export const defaultOverlapMs = dayMs

export const RotateApiKey = Strict({
  overlapMs: Type.Optional(
    Type.Integer({ minimum: 0, maximum: 30 * dayMs, description: 'How long the old key goes on: 24 hours without it, 0 ends it now' }),
  ),
  expiresAt: Type.Optional(
    Type.String({ ...expiresAt, description: 'When the new key stops to work; RFC 3339; as the old one without it' }),
  ),
})
export type RotateApiKey = Static<typeof RotateApiKey>

/** The time in the form that times are compared in. @throws kind (422) unless it lies ahead, in this era */
export function futureTime(text: string, now: string, kind: ErrorKind = KeyInvalid): string {
  const ms = Date.parse(text)
  if (Number.isNaN(ms) || ms <= Date.parse(now) || ms >= Date.parse('9999-01-01T00:00:00Z'))
    throw unprocessable(kind, '/expiresAt', 'expiry.not_ahead', 'It must be a time in the future, before the year 9999.')
  return new Date(ms).toISOString()
}

/** @throws KeyInvalid (422) unless there is a role or there are scopes, and not both */
export function assertOneBinding({ role, scopes }: Pick<CreateApiKey, 'role' | 'scopes'>): void {
  if ((role === undefined) === (scopes === undefined))
    throw unprocessable(KeyInvalid, '/role', 'key.rights', 'Give it a role or scopes: one of the two.')
}

/** Until when a key works, by the clock: the earlier of its expiry and its retirement; null without either. */
export function worksUntil({ expiresAt: end, retiresAt }: Pick<ApiKey, 'expiresAt' | 'retiresAt'>): string | null {
  if (end === null || retiresAt === null) return end ?? retiresAt
  return end < retiresAt ? end : retiresAt
}

/** @throws KeyNotLive (409) for a key that has ended, or has been rotated already */
export function assertRotatable(key: Pick<ApiKey, 'revokedAt' | 'expiresAt' | 'retiresAt' | 'rotatedTo'>, now: string): void {
  const until = worksUntil(key)
  if (key.revokedAt !== null || (until !== null && until <= now))
    throw new AppError(KeyNotLive, 'This key has ended. Make a new one by POST /api-keys.')
  if (key.rotatedTo !== null)
    throw new AppError(KeyNotLive, `This key was rotated already. Rotate the one that took its place: ${key.rotatedTo}.`, {
      members: { rotatedTo: key.rotatedTo },
    })
}
