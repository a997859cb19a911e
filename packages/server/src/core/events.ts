import { hash } from 'node:crypto'
import canonicalize from 'canonicalize'
import type { Static, TSchema } from 'typebox'

/** A fact that has happened: what the change feed tells. `data` is small and holds no prompt text. */
export type DomainEvent = Readonly<{
  type: string
  subject: string
  data: Readonly<Record<string, unknown>>
  /** Fingerprints of the subject before and after, for the audit trail; null when there was, or is, none. See `between`. */
  before?: string | null
  after?: string | null
}>

/** What is said of a type of event beside its schema. */
export type EventFacts = Readonly<{
  /** What has happened, in a sentence: for those who choose what to be told. */
  description: string
  /** Whom it is told in the event log: who has this permission; without it everybody who may read the log. */
  access?: string
  /**
   * It concerns no prompt, so that callers who see certain categories only are told of it too. Of all other events they
   * are told when `data.category` is one of theirs.
   */
  promptless?: boolean
}>

/** A type of event as it is listed, whatever its data. */
export type ListedEvent<S extends TSchema = TSchema> = Readonly<{ type: string; schema: S } & EventFacts>
/** The same with what makes such an event. */
export type EventType<S extends TSchema = TSchema> = ((subject: string, data: Static<S>) => DomainEvent) & ListedEvent<S>

const declared: ListedEvent[] = []

/**
 * Declare an event type. Calling the value makes an event of it. A context lists its own in its module.
 * @param type past tense, such as `prompt.created`
 * @param schema of its `data`, which is small and holds no prompt text
 */
export const eventType = <S extends TSchema>(type: string, schema: S, facts: EventFacts): EventType<S> => {
  const make = (subject: string, data: Static<S>): DomainEvent => ({ type, subject, data: data as Readonly<Record<string, unknown>> })
  const value: EventType<S> = Object.assign(make, { type, schema, ...facts })
  declared.push(value)
  return value
}

/** All types that were declared anywhere: none may be missing from what the modules list. */
export const declaredEventTypes = (): readonly ListedEvent[] => declared

/** An event as the feed gives it: with whose it is and where it stands. `position` is null until the relay has placed it. */
export type FeedEvent = DomainEvent & Readonly<{ id: number; position: number | null; xid: string; workspaceId: string }>

/** An event that the relay has placed, with all that is known of it. */
export type LoggedEvent = Readonly<{
  id: number
  position: number
  workspaceId: string
  type: string
  subject: string
  data: Readonly<Record<string, unknown>>
  actor: string
  requestId: string
  createdAt: string
  /** The trace that it was part of (W3C Trace Context). */
  traceparent: string | null
  /** Of `data` as it is stored, about. */
  bytes: number
}>

/** Is a type of event one of those that are named: exactly, or by its beginning with `.*` behind it? */
export const fitsType = (patterns: readonly string[], type: string): boolean =>
  patterns.some((pattern) => (pattern.endsWith('.*') ? type.startsWith(pattern.slice(0, -1)) : type === pattern))

/**
 * The id that an event has outside: in the event log, as the `webhook-id` of its deliveries, in streams. Made of what an
 * event never loses, so that it needs no column; with its time, so that a database set back to an earlier state, which
 * counts from there again, does not give an id twice.
 * @param event.createdAt RFC 3339, with milliseconds
 */
export const eventIdOf = ({ workspaceId, id, createdAt }: Readonly<{ workspaceId: string; id: number; createdAt: string }>): string =>
  `evt_${hash('sha256', `${workspaceId} ${id} ${createdAt}`, 'base64url').slice(0, 22)}`

/** SHA-256 of a state's canonical JSON (RFC 8785), in hex; null for none. A state that was stored and loaded has the same. */
const fingerprint = (state: unknown): string | null =>
  state === undefined || state === null ? null : hash('sha256', canonicalize(state) ?? 'null')

/** The same events with the fingerprints of their subject's state before and after them. @param before,after null: it did not, does not exist */
export function between(before: unknown, after: unknown, events: readonly DomainEvent[]): DomainEvent[] {
  if (events.length === 0) return []
  const states = { before: fingerprint(before), after: fingerprint(after) }
  return events.map((event) => ({ ...states, ...event })) // one that was stamped by who knows more keeps its stamp
}
