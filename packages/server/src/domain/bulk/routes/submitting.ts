import { Type } from 'typebox'
import type { Ctx } from '../../../core/context.ts'
import { type AnyEndpoint, endpoint } from '../../../core/endpoint.ts'
import { untilOver } from '../../../core/operation.ts'
import { Id, Strict } from '../../../core/schemas.ts'
import { ListQuery, listIds, Tag } from '../../prompts/index.ts'
import { assertListed, receive, submit } from '../commands/submit.ts'
import { NoItems, TagsUnclear, TooManyItems, TooManyOperations } from '../model/failures.ts'
import { type Kind, maxItems, maxWhole, type Options, type Wanted } from '../model/operation.ts'
import { assertClear } from '../model/tags.ts'
import { getOperation } from '../queries/operations.ts'
import { BulkOperation } from '../queries/shapes.ts'

/** Bytes of a JSON body that holds contents, and of one that holds ids. */
const [contentsLimit, idsLimit] = [64 * 1024 * 1024, 8 * 1024 * 1024]

const whole = {
  atomic: Type.Optional(Type.Boolean({ description: `All items in one transaction, or none; up to ${maxWhole} items` })),
  dryRun: Type.Optional(Type.Boolean({ description: `Look at everything as if, and change nothing; up to ${maxWhole} items` })),
}
const force = { force: Type.Optional(Type.Boolean({ description: 'Also prompts that others need; needs prompts:force' })) }
const items = (description: string) =>
  Strict({
    items: Type.Array(Type.Unknown({ description }), {
      minItems: 1,
      maxItems,
      description: `${description}. Each is looked at by itself: what is wrong with one is its own problem`,
    }),
    ...whole,
  })
const promptIds = Type.Array(Id, { minItems: 1, maxItems, description: 'Which prompts' })
const { limit: _l, cursor: _c, includeTotal: _t, sort: _s, view: _v, deleted: _d, ...filters } = ListQuery.properties
const tags = (description: string) => Type.Array(Tag, { maxItems: 100, description })

type Flags = Readonly<{ atomic?: boolean; dryRun?: boolean }>
const wantedOf = (kind: Kind, { atomic = false, dryRun = false }: Flags, options: Options = {}): Wanted => ({
  kind,
  atomic,
  dryRun,
  options,
})

/** What all of them have: long work that is told at its address. */
const long = {
  access: 'prompts:write',
  status: 202,
  reply: BulkOperation,
  location: ({ id }: BulkOperation) => `/bulk/operations/${id}`,
  awaited: ({ id }: BulkOperation, waitMs: number, ctx: Ctx) => untilOver(() => getOperation({ id }, ctx), waitMs),
} as const
const told = (id: Promise<string>, ctx: Ctx): Promise<BulkOperation> => id.then((made) => getOperation({ id: made }, ctx))
const errors = [TooManyItems, TooManyOperations]

const deletion = {
  ...long,
  summary: 'Delete many prompts; each can be restored',
  query: Strict({ ...whole, ...force }),
  body: Strict({ promptIds, ...force, ...whole }),
  bodyLimit: idsLimit,
  errors: [...errors, NoItems],
  handle: ({ body, query }: { body: Flags & { promptIds: string[]; force?: boolean }; query: Flags & { force?: boolean } }, ctx: Ctx) => {
    const { promptIds: ids, ...flags } = { ...query, ...body }
    const wanted = wantedOf('delete', flags, { force: flags.force ?? false })
    return told(submit(wanted, ids.map(asItem), ctx), ctx)
  },
  lines: ({ query, lines }: { query: Flags & { force?: boolean }; lines: AsyncIterable<Uint8Array> }, ctx: Ctx) =>
    told(receive(wantedOf('delete', query, { force: query.force ?? false }), lines, ctx), ctx),
} as const
const asItem = (id: string) => ({ id })

export const submitting: AnyEndpoint[] = [
  endpoint({
    ...long,
    name: 'bulk.create',
    method: 'POST',
    path: '/bulk/prompts',
    summary: 'Create many prompts, as JSON or as NDJSON with one prompt a line',
    query: Strict(whole),
    body: items('As the body of POST /prompts (schema CreatePrompt)'),
    bodyLimit: contentsLimit,
    errors: [...errors, NoItems],
    handle: ({ body, query }, ctx) => told(submit(wantedOf('create', { ...query, ...body }), body.items as object[], ctx), ctx),
    lines: ({ query, lines }, ctx) => told(receive(wantedOf('create', query), lines, ctx), ctx),
  }),
  endpoint({
    ...long,
    name: 'bulk.update',
    method: 'PUT',
    path: '/bulk/prompts',
    summary: 'Change many prompts, as JSON or as NDJSON with one change a line',
    query: Strict(whole),
    body: items('The `id` of a prompt beside the fields of PUT /prompts/{id} (schema ChangePrompt)'),
    bodyLimit: contentsLimit,
    errors: [...errors, NoItems],
    handle: ({ body, query }, ctx) => told(submit(wantedOf('update', { ...query, ...body }), body.items as object[], ctx), ctx),
    lines: ({ query, lines }, ctx) => told(receive(wantedOf('update', query), lines, ctx), ctx),
  }),
  endpoint({ ...deletion, name: 'bulk.delete', method: 'DELETE', path: '/bulk/prompts' }),
  endpoint({ ...deletion, name: 'bulk.deletePrompts', method: 'POST', path: '/bulk/prompts/delete' }),
  endpoint({
    ...long,
    name: 'bulk.tag',
    method: 'PUT',
    path: '/bulk/prompts/tags',
    summary: 'Add tags to many prompts, remove them, or set them anew',
    body: Strict({
      promptIds: Type.Optional(promptIds),
      filter: Type.Optional(
        Strict(filters, {
          description: `In place of promptIds: the prompts that fit now, up to ${maxItems}; {} is all that the caller sees`,
        }),
      ),
      add: Type.Optional(tags('Tags that each of them gets')),
      remove: Type.Optional(tags('Tags that each of them loses')),
      set: Type.Optional(tags('The tags that each of them has from then on, in place of all others')),
      ...whole,
    }),
    bodyLimit: idsLimit,
    errors: [...errors, TagsUnclear],
    handle: ({ body }, ctx) => told(tagAll(body, ctx), ctx),
  }),
]

type TagAll = Flags & Options & Readonly<{ promptIds?: string[]; filter?: Parameters<typeof listIds>[0] }>

async function tagAll({ promptIds: named, filter, add, remove, set, ...flags }: TagAll, ctx: Ctx): Promise<string> {
  const options = { ...(add && { add }), ...(remove && { remove }), ...(set && { set }) }
  assertClear({ ...options, promptIds: named, filter })
  const ids = named ?? (await listIds(filter ?? {}, maxItems + 1, ctx))
  assertListed(ids.length)
  return submit(wantedOf('tag', flags, options), ids.map(asItem), ctx)
}
