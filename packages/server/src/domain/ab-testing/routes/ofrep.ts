import { hash } from 'node:crypto'
import { Type } from 'typebox'
import type { Answer } from '../../../core/answer.ts'
import type { Ctx } from '../../../core/context.ts'
import { type AnyEndpoint, serve } from '../../../core/endpoint.ts'
import { isAppError } from '../../../core/errors.ts'
import { noneMatch } from '../../../core/http/headers.ts'
import { isId } from '../../../core/ids.ts'
import type { Attributes } from '../assigning.ts'
import type { TestMemory } from '../memory.ts'
import { notThere } from '../model/failures.ts'
import { badContext, type Failure, failureOf, reasonOf } from '../model/ofrep.ts'
import type { Selected, Selecting } from '../selecting.ts'

/** What a client says of whom it asks for; fields that we do not know are the protocol's business. */
const Request = Type.Object({ context: Type.Optional(Type.Unknown()) }, { additionalProperties: true })
type Unit = Readonly<{ unitId: string; attributes: Attributes }>

/** @returns who is asked for, or why that cannot be said */
function unitIn(context: unknown, key?: string): Unit | Answer {
  if (context !== undefined && (typeof context !== 'object' || context === null || Array.isArray(context)))
    return badContext('INVALID_CONTEXT', 'The context must be an object.', key)
  const { targetingKey, ...attributes } = (context ?? {}) as { targetingKey?: unknown } & Attributes
  if (targetingKey === undefined || targetingKey === '')
    return badContext('TARGETING_KEY_MISSING', 'context.targetingKey says who sees which variant. Set it.', key)
  if (typeof targetingKey !== 'string' || targetingKey.length > 1_000)
    return badContext('INVALID_CONTEXT', 'context.targetingKey must be a text of 1,000 characters at most.', key)
  return { unitId: targetingKey, attributes }
}

const isAnswer = (one: Unit | Answer): one is Answer => 'status' in one

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

const headers = { 'Content-Type': 'application/json; charset=utf-8' }

/**
 * Tests as flags of the OpenFeature Remote Evaluation Protocol 0.2. A key is a test's id or name. One that is evaluated by
 * itself is an exposure; being handed all of them is none.
 */
export const ofrep = (selecting: Selecting, memory: TestMemory): AnyEndpoint[] => [
  serve({
    name: 'ofrep.evaluate',
    method: 'POST',
    path: '/ofrep/v1/evaluate/flags/:key',
    access: 'prompts:read',
    readOnly: true,
    summary: 'Evaluate a test as a flag',
    params: Type.Object({ key: Type.String() }),
    body: Request,
    foreign: (failure, { key }) => failureOf(failure, key),
    handle: async ({ params: { key }, body }, ctx) => {
      const unit = unitIn(body.context, key)
      if (isAnswer(unit)) return unit
      const id = isId(key) ? key : await memory.named(key, ctx)
      if (id === undefined) throw notThere(key)
      const selected = await selecting.select(await selecting.known(id, ctx), { ...unit, exposes: true }, ctx)
      return { status: 200, headers: { ...headers, 'Cache-Control': 'no-store' }, body: JSON.stringify(evaluated(key, selected)) }
    },
  }),
  serve({
    name: 'ofrep.evaluateAll',
    method: 'POST',
    path: '/ofrep/v1/evaluate/flags',
    access: 'prompts:read',
    readOnly: true,
    summary: 'Evaluate all running tests as flags',
    body: Request,
    foreign: (failure) => failureOf(failure),
    handle: async ({ body }, ctx, { 'if-none-match': ifNoneMatch }) => {
      const unit = unitIn(body.context)
      if (isAnswer(unit)) return unit
      const flags = await Promise.all(
        keysOf(await memory.running(ctx)).map(({ id, key }) => evaluateOne(selecting, { id, key, unit }, ctx)),
      )
      const text = JSON.stringify({ flags: flags.filter((flag) => flag !== undefined) })
      const etag = hash('sha256', text).slice(0, 32)
      const told = { ...headers, 'Cache-Control': 'private, no-cache', ETag: `"${etag}"` }
      return noneMatch(ifNoneMatch, etag) ? { status: 304, headers: told, body: '' } : { status: 200, headers: told, body: text }
    },
  }),
]

/** Flags go by the names of their tests; where two have one name, the one that began last has it, and others go by their ids. */
function keysOf(running: readonly { id: string; name: string }[]): { id: string; key: string }[] {
  const names = new Set<string>()
  return running.map(({ id, name }) => {
    const key = names.has(name) ? id : name
    names.add(name)
    return { id, key }
  })
}

/** @returns undefined for a test that is not for the caller */
async function evaluateOne(
  selecting: Selecting,
  { id, key, unit }: { id: string; key: string; unit: Unit },
  ctx: Ctx,
): Promise<object | undefined> {
  const known = await selecting.known(id, ctx).catch((error: unknown) => {
    if (isAppError(error) && error.kind.status === 404) return undefined
    throw error
  })
  if (!known) return undefined
  try {
    return evaluated(key, await selecting.select(known, { ...unit, exposes: false }, ctx))
  } catch (error) {
    if (!isAppError(error) || error.kind.status >= 500) throw error
    return { key, errorCode: 'GENERAL', errorDetails: error.detail } satisfies Failure
  }
}
