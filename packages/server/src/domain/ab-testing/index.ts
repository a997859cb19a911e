import type { Expressions } from '../../core/expressions.ts'
import type { Feed } from '../../core/feed/feed.ts'
import type { HotPath } from '../../core/http/fast-lane.ts'
import { defineModule, type Module } from '../../core/module.ts'
import type { AcrossWorkspaces } from '../../core/runtime.ts'
import type { Serving } from '../prompts/index.ts'
import { createAssigning } from './assigning.ts'
import type { TestParts } from './commands/parts.ts'
import { createExposures } from './exposures.ts'
import { createTestMemory } from './memory.ts'
import { experimentEvents } from './model/events.ts'
import { figures } from './routes/figures.ts'
import { ofrep } from './routes/ofrep.ts'
import { servingTests } from './routes/serving.ts'
import { tests } from './routes/tests.ts'
import { createSelecting } from './selecting.ts'

export type ABTestingParts = Omit<TestParts, 'expressions'> &
  Readonly<{
    system: AcrossWorkspaces
    feed: Feed
    clock: () => string
    expressions: Expressions
    /** How prompts are served. */
    store: Serving
    /** The keyed hash of a unit, hex: the one that measurements know users by. */
    hashUnit(workspaceId: string, unitId: string): string
    log(message: string, details?: object): void
  }>

export type ABTesting = Readonly<{
  module: Module
  /** `GET …/assign`, answered from memory. */
  hotPath(prefix: string): HotPath
  /** Write all exposures that were noted; for tests. */
  settle(): Promise<void>
  stop(): Promise<void>
}>

/** Experiments with prompts: their life, who sees which variant, and the statistics on figures of one's own. */
export function createABTesting(parts: ABTestingParts): ABTesting {
  const { system, feed, clock, expressions, store, hashUnit, log } = parts
  const memory = createTestMemory(feed)
  const assigning = createAssigning({ memory, expressions, hashUnit })
  const exposures = createExposures(system, clock, log)
  const selecting = createSelecting({ memory, assigning, store, exposures })
  return {
    module: defineModule({
      name: 'ab-testing',
      endpoints: [...tests(parts), ...servingTests(selecting, assigning), ...figures],
      foreign: ofrep(selecting, memory),
      events: experimentEvents,
    }),
    hotPath: assigning.hotPath,
    settle: exposures.flush,
    stop: exposures.stop,
  }
}
