import { createHmac, hash } from 'node:crypto'
import { AppError, type FieldError } from '../../../core/errors.ts'
import { RequestInvalid } from '../../../core/problem.ts'
import { checkerOf } from './checking.ts'
import { LabelUnknown, PromptUnknown, TimeOutOfRange, VersionUnknown } from './failures.ts'
import { aheadMs, dayMs, flag, type Measurement, Satisfaction, UsageEvent } from './measurement.ts'
import type { Pricing } from './prices.ts'

/** What has to be known of a prompt to take an event of it. */
export type KnownPrompt = Readonly<{ id: string; category: string; name: string; version: number; labels: readonly string[] }>

/** How a workspace wants its events. */
export type Terms = Readonly<{
  workspaceId: string
  retentionDays: number
  plainUsers: boolean
  price: Pricing
  hashUser: (userId: string) => string
  now: number
}>

export type Taken<T> = Readonly<{ event: T; unknown: Record<string, unknown> | undefined }>
export type Prepared = Readonly<{ measurement: Measurement; unpriced: boolean }>

const checkUsage = checkerOf(UsageEvent)
const checkSatisfaction = checkerOf(Satisfaction)

const refused = (errors: FieldError[]) =>
  new AppError(RequestInvalid, `${errors[0]!.pointer || 'The event'}: ${errors[0]!.detail}`, { errors })
const wrong = (pointer: string, code: string, detail: string) => refused([{ pointer, code, detail }])

/** @throws RequestInvalid (400) */
export function takenUsage(value: unknown): Taken<UsageEvent> {
  const { errors, unknown } = checkUsage(value)
  if (errors.length > 0) throw refused(errors)
  const event = value as UsageEvent
  if (event.promptId === undefined && (event.category === undefined || event.name === undefined))
    throw wrong('/promptId', 'needed', 'Say promptId, or category and name.')
  if ((event.cachedTokens ?? 0) > event.inputTokens)
    throw wrong('/cachedTokens', 'range', 'Cached tokens are a part of the input tokens: there cannot be more of them.')
  return { event, unknown }
}

/** @throws RequestInvalid (400) */
export function takenSatisfaction(value: unknown): Taken<Satisfaction> {
  const { errors, unknown } = checkSatisfaction(value)
  if (errors.length > 0) throw refused(errors)
  const event = value as Satisfaction
  if ((event.rating === undefined) === (event.score === undefined)) throw wrong('/rating', 'needed', 'Say either rating or score.')
  return { event, unknown }
}

/** @throws PromptUnknown, VersionUnknown, LabelUnknown (422) */
export function assertKnown(prompt: KnownPrompt | undefined, { version, label }: { version?: number; label?: string }): KnownPrompt {
  if (!prompt) throw new AppError(PromptUnknown, 'There is no such prompt in this workspace. Check promptId, or category and name.')
  if (version !== undefined && version > prompt.version)
    throw new AppError(VersionUnknown, `The prompt has ${prompt.version} versions, and no version ${version}.`)
  if (label !== undefined && label !== 'latest' && !prompt.labels.includes(label))
    throw new AppError(LabelUnknown, `The label ${label} never stood on a version of this prompt.`)
  return prompt
}

const timePattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i

/** @throws RequestInvalid (400), TimeOutOfRange (422) */
function timeOf(occurredAt: string | undefined, { now, retentionDays }: Terms): number {
  if (occurredAt === undefined) return now
  const time = timePattern.test(occurredAt) ? Date.parse(occurredAt) : Number.NaN
  if (Number.isNaN(time)) throw wrong('/occurredAt', 'format', 'It must be a time as RFC 3339 writes it, such as 2026-01-31T12:00:00Z.')
  if (time > now + aheadMs)
    throw new AppError(TimeOutOfRange, 'occurredAt lies more than 5 minutes in the future. Check the clock of the caller.')
  if (time < now - retentionDays * dayMs)
    throw new AppError(TimeOutOfRange, `occurredAt is older than the ${retentionDays} days that this workspace keeps.`)
  return time
}

/** A hash of workspace, kind and id, in the form of a UUID. */
const eventHash = (workspaceId: string, kind: string, eventId: string): string =>
  hash('sha256', `${workspaceId}\n${kind}\n${eventId}`).slice(0, 32)

/** 64 bits of HMAC-SHA-256 under the workspace's key, in hex. */
export const userHashOf = (key: Uint8Array, userId: string): string => createHmac('sha256', key).update(userId).digest('hex').slice(0, 16)

const mostMetadata = 4_096

/** What is kept and not counted, by short names: they are stored with every event. */
type Rest = { s?: string; t?: string; e?: string; u?: string; c?: string; x?: object; m?: object }

/** JSON of the fields that are there; null without any. @throws RequestInvalid (400) */
function restOf(
  facts: { [name in keyof Rest]: Rest[name] | undefined },
  metadata: object | undefined,
  unknown: object | undefined,
): string | null {
  let kept: Rest | undefined
  for (const name in facts) {
    const value = facts[name as keyof Rest]
    if (value === undefined) continue
    kept ??= {}
    kept[name as keyof Rest] = value as never
  }
  if (metadata !== undefined || unknown !== undefined) {
    const all = { ...unknown, ...metadata }
    if (Buffer.byteLength(JSON.stringify(all)) > mostMetadata)
      throw wrong('/metadata', 'too_long', `Metadata and unknown fields may have ${mostMetadata} bytes as JSON.`)
    kept = { ...kept, m: all }
  }
  return kept === undefined ? null : JSON.stringify(kept)
}

const microseconds = (ms: number): number => Math.round(ms * 1000)

/** An event of a known prompt as it is stored. @throws RequestInvalid (400), TimeOutOfRange (422) */
export function preparedUsage({ event: e, unknown }: Taken<UsageEvent>, prompt: KnownPrompt, terms: Terms): Prepared {
  const occurredAt = timeOf(e.occurredAt, terms)
  const cachedTokens = e.cachedTokens ?? null
  const tokens = { inputTokens: e.inputTokens, outputTokens: e.outputTokens, cachedTokens }
  const costMicros = e.costUsd === undefined ? terms.price(e.provider, e.model, tokens, occurredAt) : Math.round(e.costUsd * 1_000_000)
  const { testId, variant, unitId } = e.experiment ?? {}
  const facts = {
    s: e.sessionId,
    t: e.traceId,
    e: e.errorType,
    u: terms.plainUsers ? e.userId : undefined,
    x: e.experiment && { testId, unitId },
  }
  return {
    unpriced: costMicros === null,
    measurement: {
      ...tokens,
      eventId: e.eventId === undefined ? null : eventHash(terms.workspaceId, 'usage', e.eventId),
      occurredAt,
      costMicros,
      latencyUs: microseconds(e.latencyMs),
      ttftUs: e.timeToFirstTokenMs === undefined ? null : microseconds(e.timeToFirstTokenMs),
      score: null,
      flags: e.success ? flag.success : 0,
      userHash: e.userId === undefined ? null : terms.hashUser(e.userId),
      rest: restOf(facts, e.metadata, unknown),
      dimensions: {
        promptId: prompt.id,
        version: e.version ?? 0,
        label: e.label ?? '',
        provider: e.provider,
        model: e.model,
        service: e.service ?? '',
        variant: testId !== undefined && variant !== undefined ? `${testId}/${variant}` : '',
        operation: e.operation ?? '',
      },
    },
  }
}

/** A rating as it is stored: 1 to 5 is 0 to 1. @throws RequestInvalid (400), TimeOutOfRange (422) */
export function preparedSatisfaction({ event: e, unknown }: Taken<Satisfaction>, prompt: KnownPrompt, terms: Terms): Prepared {
  const score = e.rating === undefined ? e.score! : (e.rating - 1) / 4
  const facts = { s: e.sessionId, t: e.traceId, c: e.comment, u: terms.plainUsers ? e.userId : undefined }
  return {
    unpriced: false,
    measurement: {
      eventId: e.eventId === undefined ? null : eventHash(terms.workspaceId, 'satisfaction', e.eventId),
      occurredAt: timeOf(e.occurredAt, terms),
      costMicros: null,
      latencyUs: 0,
      inputTokens: 0,
      outputTokens: 0,
      cachedTokens: null,
      ttftUs: null,
      score: Math.round(score * 10_000),
      flags: flag.rating,
      userHash: e.userId === undefined ? null : terms.hashUser(e.userId),
      rest: restOf(facts, e.metadata, unknown),
      dimensions: {
        promptId: prompt.id,
        version: e.version ?? 0,
        label: '',
        provider: '',
        model: '',
        service: '',
        variant: '',
        operation: '',
      },
    },
  }
}
