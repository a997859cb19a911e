import type { Ctx } from '../../core/context.ts'
import type { Feed } from '../../core/feed/feed.ts'
import { createFold } from '../../core/fold.ts'
import { defineModule, type Module } from '../../core/module.ts'
import type { AcrossWorkspaces } from '../../core/runtime.ts'
import type { UseDrift } from '../prompts/index.ts'
import { erasePerson, type ForgetUnit } from './commands/erase-person.ts'
import { recordSatisfaction, recordUsage, type StartedTests } from './commands/record.ts'
import { recordSpans } from './commands/record-spans.ts'
import { bytesOf, createIngest } from './ingest.ts'
import { evaluatingAlerts } from './jobs/alerts.ts'
import { foldPass, type TellExperiments } from './jobs/fold.ts'
import { purgeMeasurements } from './jobs/purge.ts'
import { rebuild } from './jobs/rebuild.ts'
import { alertEvents } from './model/alert.ts'
import { analyticsEvents } from './model/settings.ts'
import { createPromptMemory } from './prompt-memory.ts'
import { getDriftInUse } from './queries/drift.ts'
import type { RunningTests } from './queries/usage.ts'
import { alerts } from './routes/alerts.ts'
import { costs } from './routes/costs.ts'
import { singleEvents } from './routes/events.ts'
import { otlp } from './routes/otlp.ts'
import { prediction } from './routes/prediction.ts'
import { recording } from './routes/record.ts'
import { reports } from './routes/reports.ts'
import { settings } from './routes/settings.ts'
import { trends } from './routes/trends.ts'
import { createWishMemory } from './wish-memory.ts'

export { checkerOf } from './model/checking.ts'
export type { MeasuredUse } from './store/experiment-uses.ts'
export { daysKept } from './store/settings.ts'

/** A/B tests, of which uses may be a part. */
export type MeasuredTests = Readonly<{
  /** Told of uses that were part of a test, each once, in the transaction that counts them. */
  follow: TellExperiments
  /** Takes a user, by its keyed hash, out of all tests. */
  forgetUnit: ForgetUnit
  /** Those that run, as far as the caller may see them. */
  running: RunningTests
  started: StartedTests
}>

export type AnalyticsParts = Readonly<{
  system: AcrossWorkspaces
  feed: Feed
  clock: () => string
  /** What the keys of users' hashes are made of. */
  secret: Uint8Array
  /** Acts in a workspace for the service itself. */
  contextIn(workspaceId: string): Ctx
  tests: MeasuredTests
  log(message: string, details?: object): void
}>

export type Analytics = Readonly<{
  module: Module
  /** How use of a prompt has changed. */
  driftInUse: UseDrift
  /** Count all that is committed now; for tests. */
  settle(): Promise<void>
  /** Count the raw rows of some days again. @param from,to milliseconds since 1970 @returns how many rows that were */
  rebuild(from: number, to: number): Promise<number>
  /** The keyed hash of a user of a workspace: by it those know people who keep what they did. */
  hashUser(workspaceId: string, userId: string): string
  start(): void
  stop(): Promise<void>
}>

/** Measurements: what is told of the use of prompts, and what is counted of it. */
export function createAnalytics({ system, feed, clock, secret, contextIn, tests, log }: AnalyticsParts): Analytics {
  const folding = createFold(
    system,
    (db) => foldPass(db, undefined, tests.follow),
    (error) => log('what was measured cannot be counted just now', { err: error }),
  )
  const ingest = createIngest(system, clock, folding.wake)
  const prompts = createPromptMemory(feed)
  const wishes = createWishMemory(feed, secret)
  const parts = {
    findPrompts: prompts.find,
    terms: wishes.terms,
    startedTests: tests.started,
    store: (workspaceId: string, measurements: Parameters<typeof bytesOf>[0]) =>
      ingest.add(
        measurements.map((measurement) => ({ workspaceId, measurement })),
        bytesOf(measurements),
      ),
  }
  const usage = recordUsage(parts)
  return {
    module: defineModule({
      name: 'analytics',
      endpoints: [
        ...recording({ usage, satisfaction: recordSatisfaction(parts) }),
        ...reports(tests.running),
        ...settings,
        ...alerts,
        ...trends,
        ...costs,
        ...prediction,
        ...singleEvents(erasePerson(wishes.hashUser, tests.forgetUnit)),
      ],
      wire: otlp(recordSpans(usage)),
      jobs: [purgeMeasurements, evaluatingAlerts(contextIn)],
      events: [...analyticsEvents, ...alertEvents],
    }),
    driftInUse: getDriftInUse,
    settle: folding.settle,
    rebuild: (from, to) => system((db) => rebuild(db, from, to, Date.parse(clock())), 'write'),
    hashUser: wishes.hashUser,
    start: folding.start,
    async stop() {
      await ingest.stop()
      await folding.stop()
    },
  }
}

export { trafficOf } from './queries/traffic.ts'
