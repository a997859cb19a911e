import { randomUUID } from 'node:crypto'
import type { Acting } from '../../core/acting.ts'
import type { Ctx } from '../../core/context.ts'
import type { Db } from '../../core/db.ts'
import type { Expressions } from '../../core/expressions.ts'
import type { Feed } from '../../core/feed/feed.ts'
import type { HotPath } from '../../core/http/fast-lane.ts'
import { defineModule, type Module } from '../../core/module.ts'
import type { AcrossWorkspaces } from '../../core/runtime.ts'
import type { Overlay, Serving } from '../prompts/index.ts'
import { createAssigning } from './assigning.ts'
import { reweigh } from './commands/change-test.ts'
import { endTest } from './commands/end-test.ts'
import { lockRunning } from './commands/open.ts'
import type { TestParts } from './commands/parts.ts'
import { createExposures, type Exposures } from './exposures.ts'
import type { DaysKept } from './jobs/purge.ts'
import { createTestMemory } from './memory.ts'
import { experimentEvents } from './model/events.ts'
import { ABTestNotFound } from './model/failures.ts'
import { createOutcomes, type Outcomes } from './outcomes.ts'
import { createOverlay } from './overlay.ts'
import { figuresFor } from './queries/results.ts'
import { findTest, listTests } from './queries/tests.ts'
import { figures } from './routes/figures.ts'
import { ofrep } from './routes/ofrep.ts'
import { servingTests } from './routes/serving.ts'
import { tests } from './routes/tests.ts'
import { createSelecting } from './selecting.ts'
import { createStartedTests } from './started-tests.ts'
import { forgetUnit } from './store/erasure.ts'

export { testsThatServe } from './queries/needed-by.ts'

export type ABTestingParts = Omit<TestParts, 'expressions' | 'figures'> &
  Readonly<{
    system: AcrossWorkspaces
    feed: Feed
    clock: () => string
    expressions: Expressions
    /** How prompts are served. */
    store: Serving
    /** The keyed hash of a unit, hex: the one that measurements know users by. */
    hashUnit(workspaceId: string, unitId: string): string
    /** Whom tests that end by themselves move a label for. */
    acting: Acting
    /** For how many days each workspace keeps single events. */
    daysKept: DaysKept
    log(message: string, details?: object): void
  }>

export type ABTesting = Readonly<{
  module: Module
  /** `GET …/assign`, answered from memory. */
  hotPath(prefix: string): HotPath
  /** What reading a label shows to a unit while a test runs on it. */
  overlay: Overlay
  /** Write all exposures that were noted, and count all outcomes; for tests. */
  settle(): Promise<void>
  /** Take a person out of all tests of a workspace; what is counted stays. @param db across workspaces @param unitHash hex @returns in how many tests it was */
  forgetUnit(db: Db, workspaceId: string, unitHash: string): Promise<number>
  /** The running tests that the caller may see, the newest first, 50 at most. */
  runningTests(ctx: Ctx): Promise<{ id: string; name: string; startedAt: string | null }[]>
  /** Which of these the caller's workspace has, and has started. */
  startedTests(testIds: readonly string[], ctx: Ctx): Promise<ReadonlySet<string>>
  outcomes: Pick<Outcomes, 'follow' | 'recount' | 'watch'>
  start(): void
  stop(): Promise<void>
}>

/** Experiments with prompts: their life, who sees which variant, and the statistics on figures of one's own. */
export function createABTesting(given: ABTestingParts): ABTesting {
  const { system, feed, clock, expressions, store, hashUnit, acting, daysKept, log } = given
  const parts: TestParts = { ...given, figures: figuresFor }
  const memory = createTestMemory(feed)
  const assigning = createAssigning({ memory, expressions, hashUnit })
  const outcomes = createOutcomes({
    system,
    hashUnit,
    findTest,
    notFound: ABTestNotFound,
    isExposing: (exposure) => exposures.isWaiting(exposure),
    life: { lock: lockRunning, end: endTest(parts), reweigh },
    acting,
    daysKept,
    log,
  })
  const exposures: Exposures = createExposures(system, clock, log, outcomes.wake)
  const selecting = createSelecting({ memory, assigning, store, exposures })
  return {
    module: defineModule({
      name: 'ab-testing',
      endpoints: [...tests(parts), ...servingTests(selecting, assigning), ...outcomes.endpoints, ...figures],
      wire: ofrep(selecting),
      jobs: outcomes.jobs,
      events: [...experimentEvents, ...outcomes.events],
    }),
    hotPath: assigning.hotPath,
    overlay: createOverlay(memory, selecting),
    async settle() {
      await exposures.flush()
      await outcomes.settle()
    },
    async forgetUnit(db, workspaceId, unitHash) {
      await exposures.flush() // those that are still to be written
      return forgetUnit(db, workspaceId, unitHash, randomUUID())
    },
    async runningTests(ctx) {
      const { permissions } = ctx.actor
      if (!permissions.has('*') && !permissions.has('abtests:read')) return []
      const { items } = await listTests({ status: 'running' }, ctx)
      return items.map(({ id, name, startedAt }) => ({ id, name, startedAt }))
    },
    startedTests: createStartedTests(memory),
    outcomes,
    start: outcomes.start,
    async stop() {
      await exposures.stop()
      await outcomes.stop()
    },
  }
}
