import type { Db } from '../../../core/db.ts'
import type { LoggedEvent } from '../../../core/events.ts'
import { eventIdOf } from '../../../core/events.ts'
import type { Expressions } from '../../../core/expressions.ts'
import { logged } from '../../../core/feed/log.ts'
import { newId } from '../../../core/ids.ts'
import { feedHead } from '../../../core/outbox.ts'
import { matchesPattern } from '../model/matching.ts'
import { webhookCreated, webhookUpdated } from '../model/webhook-events.ts'
import {
  activeWebhooks,
  addDeliveries,
  lockProgress,
  noteFilterError,
  type Planned,
  type Subscription,
  saveFrom,
  saveProgress,
} from '../store/planning.ts'

/** Events in one transaction. */
const batch = 500
/** Filters may hold a transaction up for so long; then it ends with the events that are done. Milliseconds. */
const patienceMs = 2_000

export type PlanPass = Readonly<{
  planned: number
  /** There is more to do at once. */
  more: boolean
  /** Up to where deliveries are planned, and the newest position of the feed. */
  position: number
  head: number
  /** When the oldest event of this pass happened. */
  since: string | undefined
}>

type Filters = Pick<Expressions, 'evaluateAll'>
type Parts = Readonly<{ expressions: Filters; now: () => string }>

/** What a filter may read. */
const bindingsOf = ({ type, subject, createdAt, data }: LoggedEvent) => ({ type, subject, timestamp: new Date(createdAt), data })

/**
 * Which of these webhooks want an event: their patterns fit and their filters are true.
 * @param failed told of a filter that could not say
 */
export async function wantedBy<S extends Pick<Subscription, 'events' | 'filter'>>(
  event: LoggedEvent,
  webhooks: readonly S[],
  expressions: Filters,
  failed: (webhook: S, detail: string) => void,
): Promise<S[]> {
  const fitting = webhooks.filter(({ events }) => matchesPattern(events, event.type))
  const filtered = fitting.filter(({ filter }) => filter !== null)
  if (filtered.length === 0) return fitting
  const outcomes = await expressions.evaluateAll(
    filtered.map(({ filter }) => filter!),
    bindingsOf(event),
    { scope: event.workspaceId },
  )
  const refused = new Set(filtered.filter((_, i) => outcomes[i]?.value !== true))
  for (const [i, outcome] of outcomes.entries()) if (outcome.failed) failed(filtered[i]!, outcome.detail)
  return fitting.filter((webhook) => !refused.has(webhook))
}

export const plannedOf = (event: LoggedEvent, webhookId: string): Planned => ({
  workspaceId: event.workspaceId,
  id: newId(),
  webhookId,
  eventId: event.id,
  messageId: eventIdOf(event),
  type: event.type,
  subject: event.subject,
})

/**
 * Follows the feed and makes a delivery of each event for each webhook that wants it. One step is one transaction with the
 * position: no event is left out and none is planned twice. One instance of the cluster is at it at a time.
 */
export function createPlanner({ expressions, now }: Parts): (db: Db) => Promise<PlanPass | undefined> {
  /** Webhooks as of a position: who comes back to it knows them still. */
  let known: { position: number; webhooks: Map<string, Subscription[]> } | undefined

  const webhooksAt = async (db: Db, position: number, events: readonly LoggedEvent[]) => {
    if (known?.position === position && !events.some(({ type }) => type.startsWith('webhook.'))) return known.webhooks
    const all = await activeWebhooks(db)
    for (const webhook of all.filter(({ fromPosition }) => fromPosition === null)) {
      webhook.fromPosition = events.findLast((event) => event.subject === webhook.id && activates(event))?.position ?? null
      if (webhook.fromPosition !== null) await saveFrom(db, webhook)
    }
    return Map.groupBy(all, ({ workspaceId }) => workspaceId)
  }

  return async (db) => {
    const position = await lockProgress(db)
    if (position === undefined) return undefined
    const head = await feedHead(db)
    const from = Math.min(position, head) // the database may have been set back
    const events = await logged(db, { after: from, limit: batch })
    const webhooks = await webhooksAt(db, position, events)
    const { planned, reached, errors } = await plan(events, webhooks, expressions)
    await addDeliveries(db, planned, now())
    for (const [webhook, detail] of errors) await noteFilterError(db, webhook, detail, now())
    const last = reached?.position ?? from
    if (last !== position) await saveProgress(db, last)
    known = { position: last, webhooks }
    const more = events.length === batch || (reached !== undefined && reached !== events.at(-1))
    return { planned: planned.length, more, position: last, head, since: events[0]?.createdAt }
  }
}

const activates = ({ type, data }: LoggedEvent): boolean =>
  (type === webhookCreated.type || type === webhookUpdated.type) && data.activated === true

type Plan = Readonly<{ planned: Planned[]; reached: LoggedEvent | undefined; errors: Map<Subscription, string> }>

async function plan(
  events: readonly LoggedEvent[],
  webhooks: ReadonlyMap<string, readonly Subscription[]>,
  expressions: Filters,
): Promise<Plan> {
  const planned: Planned[] = []
  const errors = new Map<Subscription, string>()
  const end = performance.now() + patienceMs
  let reached: LoggedEvent | undefined
  for (const event of events) {
    const own = webhooks.get(event.workspaceId)?.filter(({ fromPosition }) => fromPosition !== null && fromPosition < event.position) ?? []
    const wanting = await wantedBy(event, own, expressions, (webhook, detail) => errors.set(webhook, detail))
    for (const { id } of wanting) planned.push(plannedOf(event, id))
    reached = event
    if (performance.now() > end) break
  }
  return { planned, reached, errors }
}
