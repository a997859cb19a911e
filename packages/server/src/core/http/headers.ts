import { AppError } from '../errors.ts'
import { newId } from '../ids.ts'
import { PreconditionFailed } from '../problem.ts'

const requestIdForm = /^[\x21-\x7e]{1,128}$/
const traceparentForm = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/

/** Random once per process, then counted: as unique as a UUID and far cheaper on the hot path. */
const processPart = newId().replaceAll('-', '')
let requests = 0

/** The caller's `X-Request-Id` when it is 1–128 printable ASCII characters, else a new one. */
export const requestIdOf = (header: string | string[] | undefined): string =>
  typeof header === 'string' && requestIdForm.test(header) ? header : `${processPart}-${(++requests).toString(36)}`

/** A valid W3C `traceparent` (Trace Context §3.2), or undefined: a broken one is ignored, as the standard asks. */
export const traceparentOf = (header: string | string[] | undefined): string | undefined =>
  typeof header === 'string' && traceparentForm.test(header) ? header : undefined

/** The tags of `If-Match` or `If-None-Match` without quotes; `*` stays; weak ones are marked `W/`. */
export function entityTags(header: string | undefined): readonly string[] | undefined {
  if (header === undefined) return undefined
  return [...header.matchAll(/(W\/)?"([^"]*)"|[^\s,"]+/g)].map(([whole, weak = '', tag]) => (tag === undefined ? whole : weak + tag))
}

/** True when `If-None-Match` names the tag, so that the caller has it already. Compares weakly (RFC 9110 §13.1.2). */
export const noneMatch = (header: string | undefined, tag: string): boolean =>
  header === `"${tag}"` || (entityTags(header) ?? []).some((given) => given === '*' || given.replace(/^W\//, '') === tag)

/** @throws PreconditionFailed (412) when `If-Match` was sent and names another revision than the resource has */
export function assertIfMatch(ifMatch: readonly string[] | undefined, tag: string): void {
  if (ifMatch && !ifMatch.includes('*') && !ifMatch.includes(tag))
    throw new AppError(PreconditionFailed, `The resource is at "${tag}" now. Read it again, and apply your change to what you find.`)
}

/** The longest that anybody waits for long work. Milliseconds. */
const longestWaitMs = 30_000

/** How long a caller wants to wait for long work, by `Prefer: wait=N` in seconds (RFC 7240 §4.3), in milliseconds; 0 without it. */
export function waitOf(prefer: string | string[] | undefined): number {
  const [, seconds] = /(?:^|[,;])\s*wait\s*=\s*"?(\d{1,9})"?\s*(?:$|[,;])/i.exec([prefer ?? []].flat().join(',')) ?? []
  return Math.min(longestWaitMs, Number(seconds ?? 0) * 1000)
}
