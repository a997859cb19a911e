import { createHmac } from 'node:crypto'
import canonicalize from 'canonicalize'
import { type Static, Type } from 'typebox'
import { AppError } from '../../../core/errors.ts'
import { Id, Nullable, Strict, Timestamp } from '../../../core/schemas.ts'
import { plainText } from './content.ts'
import { RedactionNeedsAnother, VersionRedacted } from './failures.ts'
import type { Includers } from './includes.ts'
import { type By, type State, standsWhere, type VersionState } from './prompt.ts'
import { type Body, VersionNumber } from './shapes.ts'

/** A request that nobody has confirmed is forgotten after this long. */
const openForMs = 7 * 24 * 3_600_000

/** What one person asked for, and what became of it. */
export type RedactionRequest = Readonly<{
  id: string
  promptId: string
  version: VersionNumber
  reason: string
  status: 'requested' | 'redacted' | 'withdrawn' | 'expired'
  requestedBy: string
  requestedAt: string
  expiresAt: string
  decidedBy: string | null
  decidedAt: string | null
}>

const Blocker = Strict({ code: Type.String(), detail: Type.String() })
const Place = Strict({
  promptId: Id,
  category: Type.String(),
  name: Type.String(),
  version: VersionNumber,
  fields: Type.Array(Type.String()),
})
export type Place = Static<typeof Place>

/** A redaction as the API shows it. */
export const RedactionView = Strict(
  {
    promptId: Id,
    version: VersionNumber,
    status: Type.Enum(['requested', 'redacted'], { description: 'requested: it waits for another person' }),
    reason: Type.String(),
    requestedBy: Type.String(),
    requestedAt: Timestamp,
    expiresAt: Nullable(Timestamp, { description: 'Until when it can be confirmed' }),
    redactedBy: Nullable(Type.String(), { description: 'Who confirmed' }),
    redactedAt: Nullable(Timestamp),
    hash: Nullable(Type.String(), { description: 'HMAC-SHA-256, in hex, of the removed body under the salt of who confirmed' }),
    blockers: Type.Array(Blocker, { description: 'What must be changed before it can be confirmed' }),
    elsewhere: Type.Array(Place, {
      description:
        'What stays elsewhere: versions with the identical content, and those of this prompt with its config or variables; at most 100, those that you may read',
    }),
    elsewhereTotal: Type.Integer({ description: 'How many there are in all' }),
    remains: Type.Array(Type.String(), {
      description: 'Fields of the prompt itself that hold a part of the text, and stay: name, description',
    }),
  },
  { $id: 'Redaction' },
)
export type RedactionView = Static<typeof RedactionView>

/** The first of two. */
export const requestRedaction = (id: string, promptId: string, version: VersionNumber, reason: string, by: By): RedactionRequest => ({
  id,
  promptId,
  version,
  reason,
  status: 'requested',
  requestedBy: by.actor,
  requestedAt: by.at,
  expiresAt: new Date(Date.parse(by.at) + openForMs).toISOString(),
  decidedBy: null,
  decidedAt: null,
})

/** @throws RedactionNeedsAnother (409) when one and the same asks twice */
export function assertAnother({ requestedBy, expiresAt }: RedactionRequest, { actor }: By): void {
  if (requestedBy !== actor) return
  throw new AppError(
    RedactionNeedsAnother,
    `You asked for this redaction yourself. Somebody else with the permission prompts:redact must confirm it by ${expiresAt}; or withdraw it by DELETE.`,
  )
}

/** What a redacted version is: its place and its origin, and nothing of its text. @param hash see `saltedHash` */
export function redactedVersion(version: VersionState, request: RedactionRequest, hash: string, by: By): VersionState {
  const { type, engine, content } = version.body
  return {
    ...version,
    body: { type, engine, content: typeof content === 'string' ? '' : [], variables: [], config: {} },
    checksum: hash,
    changeSummary: null,
    metadata: {},
    redaction: { at: by.at, by: by.actor, requestedBy: request.requestedBy, reason: request.reason, hash },
  }
}

/**
 * Proves to whoever has text and salt what was removed, and lets nobody without the salt try out texts: HMAC-SHA-256 (RFC 2104),
 * in hex, over the RFC 8785 form of `{ type, engine, content, variables, config }`.
 * @param salt kept by nobody here; at least 32 characters
 */
export const saltedHash = ({ type, engine, content, variables, config }: Body, salt: string): string =>
  createHmac('sha256', salt)
    .update(canonicalize({ type, engine, content, variables, config }) ?? '')
    .digest('hex')

type Blockers = RedactionView['blockers']

/** Labels that stand on a version, and prompts that pin it, would have nothing to serve. */
export const blockersOf = (state: State, version: VersionNumber, pinnedBy: Pick<Includers, 'names' | 'hidden'>): Blockers => [
  ...standsWhere(state.labels, version).map((label) => ({
    code: 'version.labelled',
    detail: `The label "${label}" stands on version ${version}. Move it first.`,
  })),
  ...pinnedBy.names.map((name) => ({ code: 'version.pinned', detail: `"${name}" includes version ${version}. Change that prompt first.` })),
  ...(pinnedBy.hidden > 0
    ? [
        {
          code: 'version.pinned',
          detail: `Prompts that you may not see include version ${version}: ${pinnedBy.hidden}. Have them changed first.`,
        },
      ]
    : []),
]

/** Fields of the prompt itself that say what the text says. */
export function remainsOf({ name, description }: State, { content }: Body): string[] {
  const text = plainText(content)
  return Object.entries({ name, description }).flatMap(([field, value]) => (value.length >= 4 && text.includes(value) ? [field] : []))
}

/** @throws VersionRedacted (410) when the text of a version is gone */
export function assertNotRedacted({ version, redaction }: { version: VersionNumber; redaction?: object | null | undefined }): void {
  if (redaction) throw new AppError(VersionRedacted, `The text of version ${version} was removed for good. Use another version.`)
}
