import { hash } from 'node:crypto'
import { type Static, Type } from 'typebox'
import { Id, Nullable, Strict, Timestamp } from '../../../core/schemas.ts'
import { checksumOf } from './checksum.ts'
import type { Rendered } from './render.ts'
import { Body, Checksum, Content, Label, ManifestEntry, Metadata, Prompt, Status, Variable, VersionNumber } from './shapes.ts'

const { id, name, category, description, tags, isTemplate } = Prompt.properties

/** What a caller of a deprecated prompt should know. */
export const Deprecation = Strict(
  {
    since: Timestamp,
    sunsetAt: Nullable(Timestamp, { description: 'When it is planned to be served no more' }),
    successor: Nullable(Strict({ id: Id, category, name }), { description: 'The prompt to use instead, while it can be served' }),
  },
  { $id: 'Deprecation', description: 'Only of a prompt that was deprecated; the same as the headers Deprecation, Sunset and Link' },
)
export type Deprecation = Static<typeof Deprecation>

/** What a call that serves a prompt answers. */
export const ServedPrompt = Strict(
  {
    id,
    category,
    name,
    description,
    ...Body.properties,
    tags,
    metadata: Metadata,
    isTemplate,
    status: Status,
    deprecation: Type.Optional(Deprecation),
    label: Type.Union([Label, Type.Null()], { description: 'The label it was served by; null for a pinned version' }),
    version: VersionNumber,
    checksum: Checksum,
    updatedAt: Timestamp,
    includes: Type.Array(ManifestEntry, { description: 'The prompts that the content includes, as resolved now; their own includes too' }),
    resolvedContent: Type.Optional(
      Type.Unsafe<Content>({
        ...Content,
        description:
          'With includes: the content with all of them written out, where mustache alone can say it. Filled with `resolvedVariables`, it gives what `rendered` would',
      }),
    ),
    resolvedVariables: Type.Optional(
      Type.Array(Variable, { description: 'With `resolvedContent`: the variables of the content and of all that it includes' }),
    ),
    rendered: Type.Optional(Content),
    renderedChecksum: Type.Optional(Type.String({ description: 'SHA-256 of the rendered text, or of the canonical JSON of the messages' })),
  },
  { $id: 'ServedPrompt' },
)
export type ServedPrompt = Static<typeof ServedPrompt>

export const RenderedPrompt = Strict(
  {
    text: Type.Optional(Type.String()),
    messages: Type.Optional(Type.Array(Type.Unknown())),
    version: VersionNumber,
    label: Type.Union([Label, Type.Null()]),
    checksum: Checksum,
    renderedChecksum: Type.String(),
    tokens: Type.Integer({ description: 'In the o200k_base encoding' }),
    unused: Type.Array(Type.String(), { description: 'Values that nothing asked for' }),
    model: Type.Optional(Type.String({ description: '`config.model`' })),
    includes: Type.Array(ManifestEntry),
    deprecation: Type.Optional(Deprecation),
  },
  { $id: 'RenderedPrompt' },
)
export type RenderedPrompt = Static<typeof RenderedPrompt>

/** SHA-256, in hex. */
export const sha256 = (bytes: string | Buffer): string => hash('sha256', bytes)

/** SHA-256, in hex, of the rendered text, or of the RFC 8785 form of the messages. */
export const renderedChecksum = ({ content }: Rendered): string => (typeof content === 'string' ? sha256(content) : checksumOf(content))

/** How a caller may keep an answer: a pinned version for good, unless it includes something that follows a label. */
export const cacheControl = (pinned: boolean): string => (pinned ? 'private, immutable' : 'private, max-age=0, stale-if-error=3600')

/** The facts that every answer with a prompt carries in its headers. */
export const servedHeaders = (served: Pick<ServedPrompt, 'version' | 'checksum' | 'label'>): Record<string, string> => ({
  'X-Prompt-Version': String(served.version),
  'X-Prompt-Checksum': served.checksum,
  ...(served.label !== null && { 'X-Prompt-Label': served.label }),
})

/** Where a prompt's successor is served (RFC 5829). @param prefix what all paths begin with */
const successorLink = ({ category, name }: NonNullable<Deprecation['successor']>, prefix: string): string =>
  `<${prefix}/prompts/search/${encodeURIComponent(category)}/${encodeURIComponent(name)}>; rel="successor-version"`

/** What a deprecated prompt tells in headers: `Deprecation` (RFC 9745 §2.1), `Sunset` (RFC 8594 §3) and a link to its successor. */
export const deprecationHeaders = (deprecation: Deprecation | undefined, prefix: string): Record<string, string> =>
  deprecation === undefined
    ? {}
    : {
        Deprecation: `@${Math.floor(Date.parse(deprecation.since) / 1000)}`,
        ...(deprecation.sunsetAt !== null && { Sunset: new Date(deprecation.sunsetAt).toUTCString() }),
        ...(deprecation.successor !== null && { Link: successorLink(deprecation.successor, prefix) }),
      }
