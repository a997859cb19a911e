import { type Static, Type } from 'typebox'
import { FreeJson, Id, Nullable, ShortText, Strict, Timestamp } from '../../../core/schemas.ts'

export const Engine = Type.Enum(['mustache', 'liquid', 'none'], { description: 'How `content` is filled; `none` leaves it alone' })
export type Engine = Static<typeof Engine>
export const Status = Type.Enum(['draft', 'review', 'published', 'deprecated', 'archived'], {
  description: 'Where the prompt stands in its life',
})
export const VersionNumber = Type.Integer({ minimum: 1, maximum: 2147483647, description: 'Numbers of a prompt have no gaps' })
export type VersionNumber = Static<typeof VersionNumber>
export const labelPattern = '^[a-z][a-z0-9._-]{0,63}$'
export const Label = Type.String({ pattern: labelPattern, description: 'Such as production; `latest` is reserved' })
export type Label = Static<typeof Label>
export const Category = ShortText('Where the prompt belongs')
export const Name = ShortText('Unique within its category')
export const Tag = ShortText('A tag')
export const Reason = Type.String({ maxLength: 2000, description: 'Why; kept in the history' })

/** Says that what policies forbid shall be done nevertheless. */
export const BreakGlass = Strict(
  { reason: Type.String({ minLength: 1, maxLength: 2000, description: 'Why; kept in the audit trail, and told as policy.glass_broken' }) },
  { description: 'Do it although policies forbid it; needs policies:break_glass there' },
)
export type BreakGlass = Static<typeof BreakGlass>

export const Variable = Strict(
  {
    name: ShortText('As the content writes it'),
    type: Type.Enum(['string', 'number', 'integer', 'boolean', 'array', 'object', 'any'], { description: 'string unless told' }),
    description: Type.Optional(Type.String({ maxLength: 2000, description: 'What it stands for' })),
    required: Type.Boolean({ description: 'Rendering without it is refused' }),
    default: Type.Optional(Type.Unknown({ description: 'Taken when the caller gives none' })),
    enum: Type.Optional(Type.Array(Type.Unknown(), { minItems: 1, maxItems: 1000, description: 'The values that it may have' })),
    schema: Type.Optional(Type.Record(Type.String(), Type.Unknown(), { description: 'JSON Schema of its value' })),
  },
  { $id: 'Variable' },
)
export type Variable = Static<typeof Variable>

/** A variable as a caller declares it: a string and required, unless it says otherwise. */
export const VariableInput = Strict(
  {
    ...Variable.properties,
    type: Type.Optional(Variable.properties.type),
    required: Type.Optional(Type.Boolean({ description: 'Rendering without it is refused; true unless there is a default' })),
  },
  { $id: 'VariableInput' },
)
export type VariableInput = Static<typeof VariableInput>

const role = Type.String({ minLength: 1, maxLength: 64, description: 'system, developer, user, assistant, tool, …' })
const Part = Type.Object(
  { type: Type.String({ description: 'text, image_url, …' }) },
  { additionalProperties: true, description: 'A content part; those of type text are templates' },
)
const Speech = {
  role,
  name: Type.Optional(Type.String({ maxLength: 200, description: 'Who speaks, where several share a role' })),
  toolCalls: Type.Optional(Type.Array(FreeJson('A tool call of the assistant'))),
  toolCallId: Type.Optional(Type.String({ maxLength: 200, description: 'The call that this message answers' })),
}
export const Message = Type.Union(
  [
    Strict({ ...Speech, content: Type.String({ description: 'A template' }) }),
    Strict({ ...Speech, parts: Type.Array(Part, { minItems: 1 }) }),
    Strict({ placeholder: ShortText('The variable whose messages stand here') }),
  ],
  { $id: 'Message', description: 'One message of a chat prompt, or the place where the caller puts messages' },
)
export type Message = Static<typeof Message>

export const Content = Type.Union([Type.String({ minLength: 1 }), Type.Array(Message, { minItems: 1, maxItems: 10_000 })], {
  $id: 'Content',
  description: 'A text, or the messages of a chat; up to 1 MiB',
})
export type Content = Static<typeof Content>

export const Config = FreeJson('Model, parameters, tools, response format: anything up to 256 kB')
export const Metadata = FreeJson("The owner's own facts, up to 256 kB")
const Parent = Strict({ promptId: Id, version: VersionNumber })
export const Warning = Strict({ code: Type.String(), detail: Type.String() })

/** What a version is made of, and what its checksum is taken over. */
export const Body = Strict({
  type: Type.Enum(['text', 'chat']),
  engine: Engine,
  content: Content,
  variables: Type.Array(Variable),
  config: Config,
})
export type Body = Readonly<Static<typeof Body>>

export const Checksum = Type.String({
  description:
    'SHA-256 of the RFC 8785 form of { type, engine, content, variables, config }, in hex; of a redacted version the salted hash',
})

/** What is left of a text that was removed for good. */
export const Redacted = Strict(
  {
    at: Timestamp,
    by: Type.String({ description: 'Who confirmed' }),
    requestedBy: Type.String(),
    reason: Type.String(),
    hash: Type.String({ description: 'HMAC-SHA-256, in hex, of the removed body; the salt is kept by who confirmed, if at all' }),
  },
  { $id: 'Redacted', description: 'There when the text was removed for good; content, variables and config are empty then' },
)
export type Redacted = Static<typeof Redacted>
const redacted = Type.Optional(Redacted)

/** The content as its author sees it. */
const shown = Type.Union([Type.String(), Type.Array(Message, { maxItems: 10_000 })], {
  description: 'A text, or the messages of a chat; empty when the version was redacted',
})

const facts = {
  id: Id,
  name: Name,
  category: Category,
  description: Type.String({ maxLength: 10_000 }),
  type: Body.properties.type,
  tags: Type.Array(Tag, { maxItems: 100 }),
  metadata: Metadata,
  isTemplate: Type.Boolean({ description: 'Meant for forking and including' }),
  status: Status,
  labels: Type.Record(Type.String(), VersionNumber, { description: 'Label → version' }),
  version: VersionNumber,
  checksum: Checksum,
  parent: Nullable(Parent, { description: 'What it was forked from' }),
  createdBy: Type.String(),
  createdAt: Timestamp,
  updatedAt: Timestamp,
  revision: Type.Integer({ minimum: 1, description: 'Grows by one at each change; the ETag' }),
  deletedAt: Type.Optional(Timestamp),
  redacted,
  warnings: Type.Optional(Type.Array(Warning, { description: 'In the answer to a write: what to know about it' })),
}
const { engine, variables, config } = Body.properties
export const Prompt = Strict({ ...facts, engine, content: shown, variables, config }, { $id: 'Prompt' })
export type Prompt = Static<typeof Prompt>
/** A prompt in a list: whole, or without what is heavy (`view=summary`). */
export const PromptItem = Strict(
  { ...facts, engine, content: Type.Optional(shown), variables: Type.Optional(variables), config: Type.Optional(config) },
  { $id: 'PromptItem' },
)
export type PromptItem = Static<typeof PromptItem>

const Approval = Strict({ reviewId: Id, by: Type.String({ description: 'Who approved it' }), at: Timestamp }, { $id: 'Approval' })
export type Approval = Static<typeof Approval>

export const Version = Strict(
  {
    version: VersionNumber,
    engine,
    content: shown,
    variables,
    config,
    changeSummary: Nullable(Type.String({ maxLength: 10_000 })),
    changeType: Type.Enum(['create', 'update', 'rollback', 'fork']),
    approvals: Type.Array(Approval, { description: 'Who has approved it in reviews, and has not taken that back' }),
    labels: Type.Array(Type.String(), { description: 'Labels that stand on it now' }),
    metadata: FreeJson('Where this version comes from'),
    createdBy: Type.String(),
    createdAt: Timestamp,
    checksum: Checksum,
    redacted,
  },
  { $id: 'Version' },
)
export type Version = Static<typeof Version>

/** One prompt that an answer was made of: itself first, then what it includes. */
export const ManifestEntry = Strict(
  { promptId: Id, category: Type.String(), name: Type.String(), version: VersionNumber, checksum: Type.String() },
  { $id: 'ManifestEntry' },
)
export type ManifestEntry = Static<typeof ManifestEntry>
