import { Type } from 'typebox'
import type { Ctx } from '../../../core/context.ts'
import { type AnyEndpoint, type Answer, endpoint, serve } from '../../../core/endpoint.ts'
import { AppError, isAppError } from '../../../core/errors.ts'
import { noneMatch } from '../../../core/http/headers.ts'
import { Problem, problemOf, RequestInvalid, Unavailable } from '../../../core/problem.ts'
import { FreeJson, Id, Nullable, Strict } from '../../../core/schemas.ts'
import { IncludeUnavailable, LabelNotFound, PromptNotFound, TemplateLimit, VariablesInvalid, VersionNotFound } from '../model/failures.ts'
import { manifestOf, renderComposition, variablesOf } from '../model/render.ts'
import { RenderedPrompt, renderedChecksum, ServedPrompt, sha256 } from '../model/served.ts'
import type { Wanted } from '../model/serving-keys.ts'
import { Category, Name } from '../model/shapes.ts'
import { countTokens } from '../model/tokens.ts'
import { coerceTexts } from '../model/variables.ts'
import { plainText } from '../model/content.ts'
import { assertOne } from '../queries/prompts.ts'
import type { Served, Serving } from '../queries/serving.ts'
import { contentBody, PromptId, WhichVersion } from './schemas.ts'

const unitId = Type.Optional(Type.String({ maxLength: 200, description: 'Takes part in an experiment that runs on the label, if there is one' }))
const variables = Type.Optional(FreeJson('Values by name; the answer then has `rendered`'))
const servingErrors = [PromptNotFound, LabelNotFound, VersionNotFound, IncludeUnavailable, VariablesInvalid, TemplateLimit, Unavailable]
const ServeQuery = Type.Object(
  { ...WhichVersion, unitId },
  { additionalProperties: false, patternProperties: { '^var\\.': { type: 'string' } }, description: '`var.<name>` fills a variable' },
)

type Values = (names: Parameters<typeof coerceTexts>[0]) => Readonly<Record<string, unknown>>

export const serving = (store: Serving): AnyEndpoint[] => [
  serve({
    name: 'prompts.serve', method: 'GET', path: '/prompts/search/:category/:name', access: 'prompts:read',
    summary: 'Serve a prompt by name: the label production unless another label or a version is asked for',
    params: Strict({ category: Category, name: Name }), query: ServeQuery, reply: ServedPrompt, errors: servingErrors,
    handle: ({ params, query }, ctx, headers) => {
      const { label, version, unitId: _unit, ...rest } = query as { label?: string; version?: number; unitId?: string } & Record<string, string>
      const texts = Object.fromEntries(Object.entries(rest).map(([key, text]) => [key.slice('var.'.length), text as string]))
      const fill: Values | undefined = Object.keys(texts).length > 0 ? (declared) => coerceTexts(declared, texts) : undefined
      return answerServed(store, { ...params, label, version }, fill, ctx, headers['if-none-match'])
    },
  }),
  serve({
    name: 'prompts.resolve', method: 'POST', path: '/prompts/resolve', access: 'prompts:read', readOnly: true,
    summary: 'Serve a prompt by name, with everything in the body: nothing personal in a URL',
    body: Strict({ category: Category, name: Name, ...WhichVersion, unitId, attributes: Type.Optional(FreeJson('For the targeting of experiments')), variables }),
    bodyLimit: contentBody, reply: ServedPrompt, errors: servingErrors,
    handle: ({ body: { variables: values, category, name, label, version } }, ctx) =>
      answerServed(store, { category, name, label, version }, values && (() => values), ctx, undefined),
  }),
  endpoint({
    name: 'prompts.render', method: 'POST', path: '/prompts/:id/render', access: 'prompts:read', readOnly: true,
    summary: 'Fill a prompt with values: the label production unless another label or a version is asked for',
    params: PromptId,
    body: Strict({ variables, ...WhichVersion, strict: Type.Optional(Type.Boolean({ description: 'Values that nothing asks for are refused' })) }),
    bodyLimit: contentBody, reply: RenderedPrompt, errors: servingErrors,
    handle: ({ params, body: { variables: values = {}, strict, ...which } }, ctx) => render(store, { ...params, ...which }, values, strict ?? false, ctx),
  }),
  endpoint({
    name: 'prompts.batchGet', method: 'POST', path: '/prompts/batch-get', access: 'prompts:read', readOnly: true,
    summary: 'Serve up to 200 prompts at once, in the order asked for',
    body: Strict({
      items: Type.Array(Strict({ id: Type.Optional(Id), category: Type.Optional(Category), name: Type.Optional(Name), ...WhichVersion }), { minItems: 1, maxItems: 200 }),
    }),
    reply: Strict({
      items: Type.Array(Nullable(ServedPrompt), { description: 'null where `errors` says why' }),
      errors: Type.Array(Strict({ index: Type.Integer(), problem: Problem })),
    }),
    handle: ({ body }, ctx) => batchGet(store, body.items, ctx),
  }),
]

async function answerServed(store: Serving, wanted: Wanted, fill: Values | undefined, ctx: Ctx, ifNoneMatch: string | undefined): Promise<Answer> {
  assertOne(wanted)
  const { served, staleMs } = await store.serve(wanted, ctx)
  const stale = staleMs === undefined ? {} : { Age: String(Math.floor(staleMs / 1000)), 'X-Prompt-Stale': 'true' }
  if (fill) return filled(store, served, fill, ctx, stale)
  if (noneMatch(ifNoneMatch, served.etag)) return { status: 304, headers: { ...served.headers, ...stale }, body: '' }
  return { status: 200, headers: { ...served.headers, ...stale }, body: served.bytes }
}

async function filled(store: Serving, { pointer, bytes, headers }: Served, fill: Values, ctx: Ctx, extra: Record<string, string>): Promise<Answer> {
  const composition = await store.compose(pointer, ctx)
  const rendered = renderComposition(composition, fill(variablesOf(composition)))
  const view = { ...(JSON.parse(bytes.toString()) as ServedPrompt), rendered: rendered.content, renderedChecksum: renderedChecksum(rendered) }
  const body = JSON.stringify(view)
  return { status: 200, headers: { ...headers, ETag: `"${sha256(body).slice(0, 32)}"`, ...extra }, body }
}

async function render(store: Serving, wanted: Wanted, values: Readonly<Record<string, unknown>>, strict: boolean, ctx: Ctx): Promise<RenderedPrompt> {
  assertOne(wanted)
  const { served } = await store.serve(wanted, ctx)
  const composition = await store.compose(served.pointer, ctx)
  const rendered = renderComposition(composition, values, strict)
  const { content } = rendered
  const { model } = composition.compiled.body.config
  return {
    ...(typeof content === 'string' ? { text: content } : { messages: content }),
    version: served.pointer.version,
    label: served.label,
    checksum: served.pointer.checksum,
    renderedChecksum: renderedChecksum(rendered),
    tokens: countTokens(plainText(content)),
    unused: [...rendered.unused],
    ...(typeof model === 'string' && { model }),
    includes: manifestOf(composition).slice(1),
  }
}

type BatchItem = { id?: string; category?: string; name?: string; label?: string; version?: number }

async function batchGet(store: Serving, items: readonly BatchItem[], ctx: Ctx) {
  const errors: { index: number; problem: ReturnType<typeof problemOf> }[] = []
  const found = await Promise.all(
    items.map(async (item, index) => {
      try {
        return JSON.parse((await store.serve(wantedOf(item, index), ctx)).served.bytes.toString()) as ServedPrompt
      } catch (error) {
        if (!isAppError(error) || error.kind.status >= 500) throw error
        errors.push({ index, problem: problemOf(error, { instance: '/api/v1/prompts/batch-get', requestId: ctx.requestId }) })
        return null
      }
    }),
  )
  return { items: found, errors: errors.sort((a, b) => a.index - b.index) }
}

function wantedOf({ id, category, name, ...which }: BatchItem, index: number): Wanted {
  assertOne(which)
  if (id !== undefined && category === undefined && name === undefined) return { id, ...which }
  if (id === undefined && category !== undefined && name !== undefined) return { category, name, ...which }
  throw new AppError(RequestInvalid, 'Name each prompt by its id, or by category and name.', { errors: [{ pointer: `/items/${index}`, code: 'item.ambiguous', detail: 'It needs id, or category and name.' }] })
}
