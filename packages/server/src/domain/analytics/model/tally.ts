import { addUser, type Distinct, encodeDistinct, mergeDistinct, mergeEncodedDistinct, nobody } from './distinct.ts'
import { type Counted, flag } from './measurement.ts'
import { added, addValue, emptySketch, encodeSketch, mergeEncoded, mergeSketch, type Sketch } from './sketch.ts'

/** The sums of a row of the rollups, in the order in which they are stored. */
export const sums = [
  'requests',
  'errors',
  'unpriced',
  'inputTokens',
  'outputTokens',
  'cachedTokens',
  'costMicros',
  'latencyUs',
  'ttftUs',
  'ttftCount',
  'ratings',
  'score',
] as const
export type Sums = Record<(typeof sums)[number], number>

/** What is known of many events: whole numbers and sketches, for which the order of events is of no matter. */
export type Tally = Sums & { latency: Sketch; tokens: Sketch; cost: Sketch; output: Sketch; scores: Sketch; users: Distinct }

/** A tally as it is stored. */
export type StoredTally = Sums & {
  latencySketch: Buffer
  tokensSketch: Buffer
  costSketch: Buffer
  outputSketch: Buffer
  scoreSketch: Buffer
  usersSketch: Buffer
}

export const emptyTally = (): Tally => ({
  requests: 0,
  errors: 0,
  unpriced: 0,
  inputTokens: 0,
  outputTokens: 0,
  cachedTokens: 0,
  costMicros: 0,
  latencyUs: 0,
  ttftUs: 0,
  ttftCount: 0,
  ratings: 0,
  score: 0,
  latency: emptySketch(),
  tokens: emptySketch(),
  cost: emptySketch(),
  output: emptySketch(),
  scores: emptySketch(),
  users: nobody(),
})

/** Count one event in. A rating counts as a rating alone. */
export function count(tally: Tally, event: Counted): void {
  if (event.flags & flag.rating) {
    tally.ratings++
    tally.score += event.score ?? 0
    addValue(tally.scores, event.score ?? 0)
    return
  }
  tally.requests++
  if (!(event.flags & flag.success)) tally.errors++
  tally.inputTokens = added(tally.inputTokens, event.inputTokens)
  tally.outputTokens = added(tally.outputTokens, event.outputTokens)
  tally.cachedTokens = added(tally.cachedTokens, event.cachedTokens ?? 0)
  tally.latencyUs = added(tally.latencyUs, event.latencyUs)
  addValue(tally.latency, event.latencyUs)
  addValue(tally.tokens, event.inputTokens + event.outputTokens)
  addValue(tally.output, event.outputTokens)
  if (event.costMicros === null) tally.unpriced++
  else {
    tally.costMicros = added(tally.costMicros, event.costMicros)
    addValue(tally.cost, event.costMicros)
  }
  if (event.ttftUs !== null) {
    tally.ttftCount++
    tally.ttftUs = added(tally.ttftUs, event.ttftUs)
  }
  if (event.userHash !== null) addUser(tally.users, event.userHash)
}

export function addSums(into: Sums, from: Sums): void {
  for (const name of sums) into[name] = added(into[name], from[name])
}

/** A tally without its sketches. */
export const sumsIn = (tally: Sums): Sums => Object.fromEntries(sums.map((name) => [name, tally[name]])) as Sums

export function mergeTally(into: Tally, from: Tally): void {
  addSums(into, from)
  mergeSketch(into.latency, from.latency)
  mergeSketch(into.tokens, from.tokens)
  mergeSketch(into.cost, from.cost)
  mergeSketch(into.output, from.output)
  mergeSketch(into.scores, from.scores)
  mergeDistinct(into.users, from.users)
}

export function mergeStored(into: Tally, stored: StoredTally): void {
  addSums(into, stored)
  mergeEncoded(into.latency, stored.latencySketch)
  mergeEncoded(into.tokens, stored.tokensSketch)
  mergeEncoded(into.cost, stored.costSketch)
  mergeEncoded(into.output, stored.outputSketch)
  mergeEncoded(into.scores, stored.scoreSketch)
  mergeEncodedDistinct(into.users, stored.usersSketch)
}

/** Always the same bytes for the same events. */
export const storedTally = (tally: Tally): StoredTally => ({
  ...tally,
  latencySketch: encodeSketch(tally.latency),
  tokensSketch: encodeSketch(tally.tokens),
  costSketch: encodeSketch(tally.cost),
  outputSketch: encodeSketch(tally.output),
  scoreSketch: encodeSketch(tally.scores),
  usersSketch: encodeDistinct(tally.users),
})
