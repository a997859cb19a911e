import { isUtf8 } from 'node:buffer'
import { hash } from 'node:crypto'
import type { Answer } from '../../../core/answer.ts'
import type { Ctx } from '../../../core/context.ts'
import { AppError, isAppError } from '../../../core/errors.ts'
import { noneMatch } from '../../../core/http/headers.ts'
import { isId } from '../../../core/ids.ts'
import { parseJson } from '../../../core/json.ts'
import { RequestMalformed } from '../../../core/problem.ts'
import type { WireRequest, WireRoute } from '../../../core/wire.ts'
import type { Attributes } from '../assigning.ts'
import type { Remembered } from '../memory.ts'
import { badContext, type ContextError, type Failure, failureOf, json, reasonOf } from '../model/ofrep.ts'
import type { Selected, Selecting } from '../selecting.ts'

type Unit = Readonly<{ unitId: string; attributes: Attributes }>

/** @returns who is asked for, or why that cannot be said. Fields that we do not know are the protocol's business */
function unitIn({ body }: WireRequest): Unit | ContextError {
  const { context } = objectIn(body)
  if (context !== undefined && !isObject(context)) return { errorCode: 'INVALID_CONTEXT', errorDetails: 'The context must be an object.' }
  const { targetingKey, ...attributes } = (context ?? {}) as { targetingKey?: unknown } & Attributes
  if (targetingKey === undefined || targetingKey === '')
    return { errorCode: 'TARGETING_KEY_MISSING', errorDetails: 'context.targetingKey says who sees which variant. Set it.' }
  if (typeof targetingKey !== 'string' || targetingKey.length > 1_000)
    return { errorCode: 'INVALID_CONTEXT', errorDetails: 'context.targetingKey must be a text of 1,000 characters at most.' }
  return { unitId: targetingKey, attributes }
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null && !Array.isArray(value)

/** @throws RequestMalformed (400), TextUnstorable and NestingTooDeep (422) */
function objectIn(body: Buffer): { context?: unknown } {
  const value = body.length === 0 ? {} : parseJson(body, isUtf8)
  if (isObject(value)) return value
  throw new AppError(RequestMalformed, 'The body must be a JSON object such as { "context": { "targetingKey": "user-1" } }.')
}

/** A flag as it is evaluated: the variant and its prompt. */
function evaluated(key: string, { assigned, prompt, checksum }: Selected): object {
  const { arm, enrolled, reason, known, exposureId } = assigned
  const facts = { testId: known.test.id, promptId: arm.promptId, enrolled, why: reason, checksum }
  return {
    key,
    reason: reasonOf(enrolled, reason),
    variant: arm.key,
    value: { variant: arm.key, prompt: JSON.parse(prompt.toString()) as object },
    metadata: { ...facts, ...(arm.version !== null && { version: arm.version }), ...(exposureId !== null && { exposureId }) },
  }
}

const asked = { method: 'POST', access: 'prompts:read', load: 'read', bodyLimit: 256 * 1024 } as const

/** @param cache what may be kept of it */
const answer = (body: string, cache: Readonly<Record<string, string>>, status = 200): Answer => ({
  status,
  headers: { 'Content-Type': json, ...cache },
  body,
})

/** Evaluate for the unit of a request; without one that is the answer. */
async function forUnit(request: WireRequest, evaluate: (unit: Unit) => Promise<Answer>): Promise<Answer> {
  const unit = unitIn(request)
  if (!('errorCode' in unit)) return evaluate(unit)
  const { status, body } = badContext(unit, request.params.key)
  return answer(body, notKept, status)
}

const notKept = { 'Cache-Control': 'no-store' }

/**
 * Tests as flags of the OpenFeature Remote Evaluation Protocol 0.2. A key is a test's id or name. One that is evaluated by
 * itself is an exposure; being handed all of them is none.
 */
export const ofrep = (selecting: Selecting): WireRoute[] => [
  {
    ...asked,
    name: 'ofrep.evaluate',
    path: '/ofrep/v1/evaluate/flags/:key',
    failed: (problem, { params }) => failureOf(problem, params.key),
    handle: (request, ctx) =>
      forUnit(request, async (unit) => {
        const key = request.params.key!
        const known = await (isId(key) ? selecting.known(key, ctx) : selecting.named(key, ctx))
        const selected = await selecting.select(known, { ...unit, exposes: true }, ctx)
        return answer(JSON.stringify(evaluated(key, selected)), notKept)
      }),
  },
  {
    ...asked,
    name: 'ofrep.evaluateAll',
    path: '/ofrep/v1/evaluate/flags',
    failed: (problem) => failureOf(problem),
    handle: (request, ctx) =>
      forUnit(request, async (unit) => {
        const keyed = keysOf(await selecting.running(ctx))
        const flags = await Promise.all(keyed.map(({ key, known }) => evaluateOne(selecting, { key, known, unit }, ctx)))
        const text = JSON.stringify({ flags })
        const etag = hash('sha256', text).slice(0, 32)
        const kept = { 'Cache-Control': 'private, no-cache', ETag: `"${etag}"` }
        return noneMatch(request.headers['if-none-match'], etag) ? answer('', kept, 304) : answer(text, kept)
      }),
  },
]

/** Flags go by the names of their tests; where two have one name, the one that began last has it, and others go by their ids. */
function keysOf(running: readonly Remembered[]): { key: string; known: Remembered }[] {
  const names = new Set<string>()
  return running.map((known) => {
    const { id, name } = known.test
    const key = names.has(name) ? id : name
    names.add(name)
    return { key, known }
  })
}

/** A flag, or why it cannot be evaluated: it does not spoil the others. */
async function evaluateOne(
  selecting: Selecting,
  { key, known, unit }: { key: string; known: Remembered; unit: Unit },
  ctx: Ctx,
): Promise<object> {
  try {
    return evaluated(key, await selecting.select(known, { ...unit, exposes: false }, ctx))
  } catch (error) {
    if (!isAppError(error) || error.kind.status >= 500) throw error
    return { key, errorCode: 'GENERAL', errorDetails: error.detail } satisfies Failure
  }
}
