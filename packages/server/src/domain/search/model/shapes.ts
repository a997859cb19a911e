import { type Static, Type } from 'typebox'
import { errorKind } from '../../../core/errors.ts'
import { Nullable, PageQuery, ShortText, Strict } from '../../../core/schemas.ts'

export const EncoderUnavailable = errorKind({
  code: 'search.encoder_unavailable',
  status: 503,
  title: 'Meaning cannot be searched just now',
})

export const Mode = Type.Enum(['keyword', 'semantic', 'hybrid'], {
  description:
    'keyword (the default): by words; semantic: by meaning (503 when no encoder can be had); hybrid: by both, and by words alone, with a warning, when no encoder can be had',
})
export type Mode = Static<typeof Mode>

const label = '^[a-z][a-z0-9._-]{0,63}$'
const status = Type.Enum(['draft', 'review', 'published', 'deprecated', 'archived'], { description: 'Where the prompt stands in its life' })
export const Filters = Strict({
  category: Type.Optional(ShortText('In this category')),
  tag: Type.Optional(Type.Array(ShortText('A tag'), { maxItems: 20, description: 'With all of these tags' })),
  status: Type.Optional(status),
  author: Type.Optional(Type.String({ maxLength: 200, description: 'Who created it' })),
  isTemplate: Type.Optional(Type.Boolean({ description: 'Meant for forking and including' })),
  label: Type.Optional(Type.String({ pattern: label, description: 'With this label' })),
  updatedAfter: Type.Optional(Type.String({ format: 'date-time', description: 'RFC 3339' })),
})
export type Filters = Static<typeof Filters>

export const facetNames = ['category', 'tag', 'status', 'author', 'isTemplate'] as const
export type FacetName = (typeof facetNames)[number]

export const SearchRequest = Strict({
  query: Type.String({
    maxLength: 20_000,
    description:
      'Words, in any language; nothing in it is an operator. Blank: all prompts that the filters let through, last changed first',
  }),
  filters: Type.Optional({ ...Filters, description: 'As in GET /prompts' }),
  mode: Type.Optional(Mode),
  facets: Type.Optional(
    Type.Array(Type.Enum([...facetNames], { description: 'What to count by' }), {
      maxItems: 5,
      description: 'Count the matches (the best 1,000 of them) by these',
    }),
  ),
  limit: PageQuery.limit,
  cursor: Type.Optional(
    Type.String({
      maxLength: 4096,
      description: 'Opaque; `nextCursor` of the page before. Pages go by rank: when prompts change between two of them, ranks may shift',
    }),
  ),
})
export type SearchRequest = Static<typeof SearchRequest>

const Offset = Type.Integer({ minimum: 0, description: 'UTF-16 units within `text`' })
export const Highlight = Strict(
  {
    field: Type.Enum(['name', 'description', 'content', 'tags', 'variables'], { description: 'Where it was found' }),
    text: Type.String({ description: 'A piece of the field, as it stands there: plain text, never markup' }),
    ranges: Type.Array(Strict({ start: Offset, end: Offset }), { description: 'What of `text` matched: end exclusive, in order' }),
  },
  { $id: 'SearchHighlight' },
)
export type Highlight = Static<typeof Highlight>

const FacetCount = Strict({ value: Type.Union([Type.String(), Type.Boolean()]), count: Type.Integer({ minimum: 1 }) })
const counts = Type.Optional(Type.Array(FacetCount))
const FacetsFound = Strict(
  { category: counts, tag: counts, status: counts, author: counts, isTemplate: counts },
  { description: 'As asked for: the 50 most frequent values of each' },
)
export type FacetsFound = Static<typeof FacetsFound>

export const Warning = Strict({ code: Type.String(), detail: Type.String() })
export type Warning = Static<typeof Warning>

export const searchFields = {
  score: Type.Number({ description: 'Larger is better; comparable within one answer alone' }),
  highlights: Type.Array(Highlight),
}
export const searchReply = {
  nextCursor: Nullable(Type.String(), { description: 'Send it as `cursor` for the next page; null on the last' }),
  mode: Type.Enum(['keyword', 'semantic', 'hybrid'], { description: 'How the prompts were found' }),
  facets: Type.Optional(FacetsFound),
  suggestions: Type.Array(Strict({ query: Type.String({ description: 'The query in words that there are' }) }), {
    description: 'Did you mean; what was found already counts likely spellings, if less',
  }),
  warnings: Type.Array(Warning, { description: 'What to know about this answer, such as that an encoder was missing' }),
}

/** A prompt and how well it fits. */
export type Ranked = Readonly<{ id: string; score: number }>
