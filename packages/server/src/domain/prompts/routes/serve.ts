import { Type } from 'typebox'
import type { Answer } from '../../../core/answer.ts'
import type { Ctx } from '../../../core/context.ts'
import { type AnyEndpoint, endpoint, serve } from '../../../core/endpoint.ts'
import { AppError, isAppError } from '../../../core/errors.ts'
import { noneMatch } from '../../../core/http/headers.ts'
import { Problem, problemOf, RequestInvalid } from '../../../core/problem.ts'
import { FreeJson, Id, Nullable, Strict } from '../../../core/schemas.ts'
import { manifestOf } from '../model/composition.ts'
import { plainText } from '../model/content.ts'
import type { Overlay, Reading } from '../model/overlay.ts'
import { renderComposition } from '../model/render.ts'
import { RenderedPrompt, renderedChecksum, ServedPrompt, sha256 } from '../model/served.ts'
import { servingErrors } from '../model/serving-errors.ts'
import { labelOf, type Wanted } from '../model/serving-keys.ts'
import { Category, Name } from '../model/shapes.ts'
import { countTokens } from '../model/tokens.ts'
import type { Values } from '../model/variables.ts'
import { attributesInQuery, fillServed, valuesInQuery } from '../queries/fill.ts'
import { assertOne } from '../queries/prompts.ts'
import { deprecationOf } from '../queries/served.ts'
import type { Served, Serving } from '../queries/serving.ts'
import { contentBody, PromptId, WhichVersion } from './schemas.ts'

const unitId = Type.Optional(
  Type.String({ maxLength: 1_000, description: 'Takes part in an experiment that runs on the label, if there is one' }),
)
const variables = Type.Optional(FreeJson('Values by name; the answer then has `rendered`'))
const ServeQuery = Type.Object(
  { ...WhichVersion, unitId },
  {
    additionalProperties: false,
    patternProperties: { '^var\\.': { type: 'string' }, '^attr\\.': { type: 'string' } },
    description: '`var.<name>` fills a variable, `attr.<name>` is for the targeting of experiments',
  },
)

/** @param overlay shows a unit its variant while a test runs on a label */
export const serving = (store: Serving, overlay: Overlay): AnyEndpoint[] => [
  serve({
    name: 'prompts.serve',
    method: 'GET',
    path: '/prompts/search/:category/:name',
    access: 'prompts:read',
    summary: 'Serve a prompt by name: the label production unless another label or a version is asked for',
    params: Strict({ category: Category, name: Name }),
    query: ServeQuery,
    reply: ServedPrompt,
    errors: servingErrors,
    handle: ({ params, query }, ctx, headers) => {
      const { label, version, unitId } = query as { label?: string; version?: number; unitId?: string }
      const unit = unitId === undefined ? undefined : { unitId, attributes: attributesInQuery(query) }
      const wish = { wanted: { ...params, label, version }, fill: valuesInQuery(query), unit, ifNoneMatch: headers['if-none-match'] }
      return answerServed(store, overlay, wish, ctx)
    },
  }),
  serve({
    name: 'prompts.resolve',
    method: 'POST',
    path: '/prompts/resolve',
    access: 'prompts:read',
    readOnly: true,
    summary: 'Serve a prompt by name, with everything in the body: nothing personal in a URL',
    body: Strict({
      category: Category,
      name: Name,
      ...WhichVersion,
      unitId,
      attributes: Type.Optional(FreeJson('For the targeting of experiments')),
      variables,
    }),
    bodyLimit: contentBody,
    reply: ServedPrompt,
    errors: servingErrors,
    handle: ({ body: { variables: values, category, name, label, version, unitId, attributes = {} } }, ctx) => {
      const unit = unitId === undefined ? undefined : { unitId, attributes }
      return answerServed(store, overlay, { wanted: { category, name, label, version }, fill: values && (() => values), unit }, ctx)
    },
  }),
  endpoint({
    name: 'prompts.render',
    method: 'POST',
    path: '/prompts/:id/render',
    access: 'prompts:read',
    readOnly: true,
    summary: 'Fill a prompt with values: the label production unless another label or a version is asked for',
    params: PromptId,
    body: Strict({
      variables,
      ...WhichVersion,
      strict: Type.Optional(Type.Boolean({ description: 'Values that nothing asks for are refused' })),
    }),
    bodyLimit: contentBody,
    reply: RenderedPrompt,
    errors: servingErrors,
    handle: ({ params, body: { variables: values = {}, strict, ...which } }, ctx) =>
      render(store, { ...params, ...which }, values, strict ?? false, ctx),
  }),
  serve({
    name: 'prompts.batchGet',
    method: 'POST',
    path: '/prompts/batch-get',
    access: 'prompts:read',
    readOnly: true,
    summary: 'Serve up to 200 prompts at once, in the order asked for',
    body: Strict({
      items: Type.Array(Strict({ id: Type.Optional(Id), category: Type.Optional(Category), name: Type.Optional(Name), ...WhichVersion }), {
        minItems: 1,
        maxItems: 200,
        description: 'Each by its id, or by category and name',
      }),
    }),
    reply: Strict({
      items: Type.Array(Nullable(ServedPrompt), { description: 'null where `errors` says why' }),
      errors: Type.Array(Strict({ index: Type.Integer(), problem: Problem })),
    }),
    handle: ({ body }, ctx) => batchGet(store, body.items, ctx),
  }),
]

type Wish = Readonly<{
  wanted: Wanted
  fill: Values | undefined
  unit: Pick<Reading, 'unitId' | 'attributes'> | undefined
  ifNoneMatch?: string | undefined
}>

async function answerServed(store: Serving, overlay: Overlay, { wanted, fill, unit, ifNoneMatch }: Wish, ctx: Ctx): Promise<Answer> {
  assertOne(wanted)
  const { served, staleMs } = await store.serve(wanted, ctx)
  const label = labelOf(wanted)
  if (unit && label !== undefined) {
    const { id: promptId, version } = served.pointer
    const overlaid = await overlay({ ...unit, promptId, version, label, values: fill }, ctx)
    if (overlaid) return { status: 200, ...overlaid }
  }
  store.used(ctx.workspaceId, served)
  const { headers, bytes: body, etag } = served
  const answer = fill ? await filled(store, served, fill, ctx, ifNoneMatch) : conditional({ status: 200, headers, body }, etag, ifNoneMatch)
  if (staleMs === undefined) return answer
  return { ...answer, headers: { ...answer.headers, Age: String(Math.floor(staleMs / 1000)), 'X-Prompt-Stale': 'true' } }
}

async function filled(store: Serving, served: Served, fill: Values, ctx: Ctx, ifNoneMatch: string | undefined): Promise<Answer> {
  const body = JSON.stringify(await fillServed(store, served, fill, ctx))
  const etag = sha256(body).slice(0, 32)
  return conditional({ status: 200, headers: { ...served.headers, ETag: `"${etag}"` }, body }, etag, ifNoneMatch)
}

const conditional = (answer: Answer, etag: string, ifNoneMatch: string | undefined): Answer =>
  noneMatch(ifNoneMatch, etag) ? { ...answer, status: 304, body: '' } : answer

async function render(
  store: Serving,
  wanted: Wanted,
  values: Readonly<Record<string, unknown>>,
  strict: boolean,
  ctx: Ctx,
): Promise<RenderedPrompt> {
  assertOne(wanted)
  const { served } = await store.serve(wanted, ctx)
  store.used(ctx.workspaceId, served)
  const composition = await store.compose(served.pointer, ctx)
  const rendered = renderComposition(composition, values, strict)
  const { content } = rendered
  const { model } = composition.root.compiled.body.config
  const deprecation = deprecationOf(served.pointer)
  return {
    ...(typeof content === 'string' ? { text: content } : { messages: content }),
    version: served.pointer.version,
    label: served.label,
    checksum: served.pointer.checksum,
    renderedChecksum: renderedChecksum(rendered),
    tokens: countTokens(plainText(content)),
    unused: [...rendered.unused],
    ...(typeof model === 'string' && { model }),
    includes: manifestOf(composition),
    ...(deprecation && { deprecation }),
  }
}

type BatchItem = { id?: string; category?: string; name?: string; label?: string; version?: number }

/** The finished bytes of each prompt, put together as they are: large ones are not parsed again. */
async function batchGet(store: Serving, items: readonly BatchItem[], ctx: Ctx): Promise<Answer> {
  const errors: { index: number; problem: ReturnType<typeof problemOf> }[] = []
  const found = await Promise.all(
    items.map(async (item, index) => {
      try {
        const { served } = await store.serve(wantedOf(item, index), ctx)
        store.used(ctx.workspaceId, served)
        return served.bytes
      } catch (error) {
        if (!isAppError(error) || error.kind.status >= 500) throw error
        errors.push({ index, problem: problemOf(error, { instance: '/api/v1/prompts/batch-get', requestId: ctx.requestId }) })
        return Buffer.from('null')
      }
    }),
  )
  const list = found.flatMap((bytes, i) => (i === 0 ? [bytes] : [comma, bytes]))
  const end = `],"errors":${JSON.stringify(errors.sort((a, b) => a.index - b.index))}}`
  const body = Buffer.concat([Buffer.from('{"items":['), ...list, Buffer.from(end)])
  return { status: 200, headers: { 'Content-Type': 'application/json; charset=utf-8' }, body }
}
const comma = Buffer.from(',')

function wantedOf({ id, category, name, ...which }: BatchItem, index: number): Wanted {
  assertOne(which)
  if (id !== undefined && category === undefined && name === undefined) return { id, ...which }
  if (id === undefined && category !== undefined && name !== undefined) return { category, name, ...which }
  throw new AppError(RequestInvalid, 'Name each prompt by its id, or by category and name.', {
    errors: [{ pointer: `/items/${index}`, code: 'item.ambiguous', detail: 'It needs id, or category and name.' }],
  })
}
