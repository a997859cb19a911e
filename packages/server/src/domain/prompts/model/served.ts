import { hash } from 'node:crypto'
import { type Static, Type } from 'typebox'
import { Strict, Timestamp } from '../../../core/schemas.ts'
import { checksumOf } from './checksum.ts'
import type { Rendered } from './render.ts'
import { Body, Checksum, Content, Label, ManifestEntry, Metadata, Prompt, Status, Variable, VersionNumber } from './shapes.ts'

const { id, name, category, description, tags, isTemplate } = Prompt.properties

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
