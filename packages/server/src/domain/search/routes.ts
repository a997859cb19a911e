import { type TProperties, Type } from 'typebox'
import type { Ctx } from '../../core/context.ts'
import { type AnyEndpoint, serve } from '../../core/endpoint.ts'
import { Strict } from '../../core/schemas.ts'
import { EncoderUnavailable, SearchRequest, searchFields, searchReply } from './model/shapes.ts'
import type { Found } from './queries/search.ts'

type Searching = Readonly<{
  search(input: SearchRequest, ctx: Ctx): Promise<Found<unknown>>
  /** Waits for the index. @returns false when it has not followed in time */
  fresh(ctx: Ctx): Promise<boolean>
}>

const indexBehind = { code: 'index.behind', detail: 'The index has not followed your last write yet: what it changed may be missing here.' }

/** @param item what a list shows of a prompt */
export const routes = (item: TProperties, { search, fresh }: Searching): AnyEndpoint[] => [
  serve({
    name: 'prompts.search',
    method: 'POST',
    path: '/prompts/search',
    access: 'prompts:read',
    readOnly: true,
    summary: 'Search prompts by words, by meaning or by both, with filters, facets and highlights',
    body: SearchRequest,
    reply: Strict({ items: Type.Array(Strict({ ...item, ...searchFields })), ...searchReply }),
    errors: [EncoderUnavailable],
    handle: async ({ body }, ctx, headers) => {
      const isFresh = headers['x-consistency-token'] === undefined || (await fresh(ctx))
      const found = await search(body, ctx)
      const warnings = isFresh ? found.warnings : [...found.warnings, indexBehind]
      return { status: 200, headers: { 'Content-Type': 'application/json; charset=utf-8' }, body: JSON.stringify({ ...found, warnings }) }
    },
  }),
]
