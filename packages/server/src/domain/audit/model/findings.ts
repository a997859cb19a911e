import { type Static, Type } from 'typebox'
import { AppError, errorKind } from '../../../core/errors.ts'
import { Nullable, Strict, Timestamp } from '../../../core/schemas.ts'
import { type Keyring, keyringOf } from './signing.ts'

export const PublicKeyInvalid = errorKind({
  code: 'audit.public_key_invalid',
  status: 422,
  title: 'This is no public key of an audit trail',
})

/** The trusted keys: our own, and those that the caller trusts besides. @throws PublicKeyInvalid (422) */
export function trusted(own: string, others: readonly string[]): Keyring {
  try {
    return keyringOf([own, ...others])
  } catch (error) {
    throw new AppError(PublicKeyInvalid, `${(error as Error).message}. Send what GET /audit/verify named as publicKey.`)
  }
}

/** The ways in which a trail can be broken. */
const FindingKind = Type.Enum(
  [
    'edited',
    'deleted',
    'inserted',
    'swapped',
    'block_missing',
    'seal_altered',
    'signature',
    'truncated',
    'rewritten',
    'checkpoints_altered',
    'checkpoints_behind',
  ],
  { $id: 'AuditFindingKind' },
)

export const Finding = Strict(
  {
    kind: FindingKind,
    position: Nullable(Type.Integer({ minimum: 0 }), { description: 'Place in the chain, from 1; null for what has none' }),
    sequence: Nullable(Type.Integer({ minimum: 0 }), { description: 'Of the entry; null when no single one is meant' }),
    detail: Type.String(),
  },
  { $id: 'AuditFinding' },
)
export type Finding = Static<typeof Finding>

export const Verification = Strict({
  ok: Type.Boolean({ description: 'True when every sealed entry is as it was, and the checkpoints outside agree' }),
  workspaceId: Type.String(),
  entries: Type.Integer({ minimum: 0, description: 'Sealed entries that were found in order' }),
  unsealed: Type.Integer({ minimum: 0, description: 'Entries that wait for the sealer; nothing vouches for them yet' }),
  head: Type.String({ description: 'Value of the chain after the last entry that was found in order, in hex' }),
  checkpoints: Nullable(
    Strict({
      compared: Type.Integer({ minimum: 0, description: 'Checkpoints outside of the database that agree with the chain' }),
      position: Nullable(Type.Integer(), { description: 'Of the last one' }),
      since: Nullable(Timestamp, { description: 'When this machine began to keep them' }),
    }),
    { description: 'Those that this machine keeps; null when it keeps none' },
  ),
  broken: Nullable(Finding, { description: 'The first place that is not in order' }),
  publicKey: Type.String({ description: 'Ed25519, SPKI in base64: checks what this installation signs. Keep it elsewhere' }),
  keyId: Type.String(),
})
export type Verification = Static<typeof Verification>
