import { Type } from 'typebox'
import { FreeJson, Id, Nullable, PageQuery, Strict } from '../../../core/schemas.ts'
import {
  BreakGlass,
  Category,
  Config,
  Content,
  Engine,
  Label,
  labelPattern,
  Metadata,
  Name,
  Prompt,
  Tag,
  VariableInput,
  VersionNumber,
} from '../model/shapes.ts'

/** Bodies that hold content may be this large, in bytes. */
export const contentBody = 8 * 1024 * 1024

/** Breaking the glass where a call has no body. */
export const breakGlassReason = Type.Optional(
  Type.String({
    minLength: 1,
    maxLength: 2000,
    description: 'Do it although policies forbid it, and why; needs policies:break_glass there',
  }),
)
export const glassOf = (reason: string | undefined) => (reason === undefined ? undefined : { reason })

export const PromptId = Strict({ id: Id })
export const WhichVersion = { version: Type.Optional(VersionNumber), label: Type.Optional(Label) }
const description = Type.String({ maxLength: 10_000, description: 'What it is for' })
const tags = Type.Array(Tag, { maxItems: 100 })
const changeSummary = Type.String({ maxLength: 10_000, description: 'Kept on the version' })
const versionMetadata = FreeJson('Kept on the version: where it comes from')
const variables = Type.Array(VariableInput, {
  maxItems: 1000,
  description: 'Those that the content uses and that are not named here are added',
})
const type = Type.Enum(['text', 'chat'], { description: 'Must fit the content: text for a string, chat for messages' })
const isTemplate = Type.Boolean({ description: 'Meant for forking and including' })

const creatable = {
  category: Type.Optional(Category),
  description: Type.Optional(description),
  type: Type.Optional(type),
  engine: Type.Optional(Engine),
  variables: Type.Optional(variables),
  config: Type.Optional(Config),
  tags: Type.Optional(tags),
  metadata: Type.Optional(Metadata),
  isTemplate: Type.Optional(isTemplate),
  labels: Type.Optional(
    Type.Union([Type.Array(Label, { maxItems: 100 }), Type.Record(Type.String({ pattern: labelPattern }), VersionNumber)], {
      description: 'Labels of the first version; production without it, none with []',
    }),
  ),
  changeSummary: Type.Optional(changeSummary),
  versionMetadata: Type.Optional(versionMetadata),
}
const breakGlass = Type.Optional(BreakGlass)
export const CreatePrompt = Strict({ content: Content, name: Type.Optional(Name), ...creatable, breakGlass }, { $id: 'CreatePrompt' })
export const ForkPrompt = Strict(
  {
    name: Name,
    category: Type.Optional(Category),
    description: Type.Optional(description),
    version: Type.Optional(VersionNumber),
    changes: Type.Optional(
      Strict({ content: Type.Optional(Content), ...creatable }, { description: 'What shall differ from the version copied' }),
    ),
    breakGlass,
  },
  { $id: 'ForkPrompt' },
)

const { properties } = Prompt
const unchanged = <S extends object>(schema: S) =>
  Type.Optional(Type.Unsafe<unknown>({ ...schema, description: 'Read-only: leave it out or send it back as it was' }))

/** PUT merges: absent stays, null clears, read-only fields may come back as they were read. */
export const ChangePrompt = Strict(
  {
    name: Type.Optional(Name),
    category: Type.Optional(Nullable(Category)),
    description: Type.Optional(Nullable(description)),
    type: Type.Optional(type),
    engine: Type.Optional(Nullable(Engine)),
    content: Type.Optional(Content),
    variables: Type.Optional(Nullable(variables)),
    config: Type.Optional(Nullable(Config)),
    tags: Type.Optional(Nullable(tags)),
    metadata: Type.Optional(Nullable(Metadata)),
    isTemplate: Type.Optional(Nullable(isTemplate)),
    changeSummary: Type.Optional(Nullable(changeSummary)),
    versionMetadata: Type.Optional(versionMetadata),
    breakGlass,
    id: unchanged(properties.id),
    status: unchanged(properties.status),
    labels: unchanged(properties.labels),
    version: unchanged(properties.version),
    checksum: unchanged(properties.checksum),
    parent: unchanged(properties.parent),
    createdBy: unchanged(properties.createdBy),
    createdAt: unchanged(properties.createdAt),
    updatedAt: unchanged(properties.updatedAt),
    revision: unchanged(properties.revision),
    warnings: unchanged({ type: 'array' }),
  },
  { $id: 'ChangePrompt' },
)
export const ChangeContent = Strict({
  content: Content,
  variables: Type.Optional(variables),
  changeSummary: Type.Optional(changeSummary),
  versionMetadata: Type.Optional(versionMetadata),
  engine: Type.Optional(Engine),
})

export const ListQuery = Strict({
  category: Type.Optional(Category),
  tag: Type.Optional(Type.Array(Tag, { maxItems: 20, description: 'Repeatable; all must match' })),
  status: Type.Optional(properties.status),
  author: Type.Optional(Type.String({ maxLength: 200, description: 'Who created it' })),
  isTemplate: Type.Optional(isTemplate),
  label: Type.Optional(Label),
  updatedAfter: Type.Optional(Type.String({ format: 'date-time', description: 'RFC 3339' })),
  q: Type.Optional(Type.String({ minLength: 1, maxLength: 400, description: 'Part of the name, the category or the description' })),
  deleted: Type.Optional(Type.Boolean({ description: 'true: deleted prompts instead of live ones' })),
  sort: Type.Optional(
    Type.Enum(['createdAt', '-createdAt', 'updatedAt', '-updatedAt', 'name', '-name'], { description: '-createdAt without it' }),
  ),
  view: Type.Optional(Type.Enum(['full', 'summary'], { description: 'summary leaves out content, variables and config' })),
  ...PageQuery,
})
export const { limit, cursor, includeTotal } = PageQuery
export const Facets = Strict({ name: Type.String(), count: Type.Integer() })
