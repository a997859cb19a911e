import type { Acting } from '../../core/acting.ts'
import type { Ctx } from '../../core/context.ts'
import type { AnyEndpoint } from '../../core/endpoint.ts'
import type { ErrorKind } from '../../core/errors.ts'
import type { ListedEvent } from '../../core/events.ts'
import { createFold } from '../../core/fold.ts'
import type { Job } from '../../core/jobs.ts'
import type { AcrossWorkspaces } from '../../core/runtime.ts'
import type { MeasuredUse } from '../analytics/index.ts'
import { type Recording, recordOutcomes } from './commands/record-outcomes.ts'
import { type Watching, watchTest } from './commands/watch-test.ts'
import { countPass } from './jobs/count.ts'
import { followUsage } from './jobs/follow-usage.ts'
import { type DaysKept, purgeJobs } from './jobs/purge.ts'
import { wantRecount } from './jobs/recount.ts'
import { watchJobs } from './jobs/watch.ts'
import type { Experiment } from './model/experiment.ts'
import { watchEvents } from './model/watch-events.ts'
import { figuresFor, getPower, getResults } from './queries/results.ts'
import { resultRoutes } from './routes/results.ts'
import type { Running } from './store/watch.ts'

export type OutcomeParts = Readonly<{
  system: AcrossWorkspaces
  /** The keyed hash of a unit of a workspace, as exposures have it: 8 bytes in hex. */
  hashUnit(workspaceId: string, unitId: string): string
  /** A test that the caller may see, or may tell outcomes of. @throws ABTestNotFound (404) */
  findTest(input: { id: string }, ctx: Ctx, access: 'abtests:read' | 'analytics:write'): Promise<Experiment>
  notFound: ErrorKind
  isExposing: Recording['isExposing']
  /** The life of tests, for what they decide by themselves. */
  life: Pick<Watching, 'lock' | 'end' | 'reweigh'>
  acting: Acting
  daysKept: DaysKept
  log(message: string, details?: object): void
}>

export type Outcomes = Readonly<{
  endpoints: readonly AnyEndpoint[]
  jobs: readonly Job[]
  events: readonly ListedEvent[]
  /** Uses that were part of a test, in the transaction that counts them. */
  follow(db: Parameters<Parameters<AcrossWorkspaces>[0]>[0], uses: readonly MeasuredUse[]): Promise<void>
  /** There is something to count: exposures were written. */
  wake(): void
  /** Count all that is committed now. */
  settle(): Promise<void>
  /** Count everything anew. */
  recount(): Promise<void>
  /** Look at a test at once, as the schedule does each minute. */
  watch(running: Running): Promise<void>
  start(): void
  stop(): Promise<void>
}>

/** What becomes of units that were served variants: taken, counted, told, and acted on. */
export function createOutcomes({ system, hashUnit, findTest, notFound, isExposing, life, acting, daysKept, log }: OutcomeParts): Outcomes {
  const counting = createFold(system, countPass, (error) => log('outcomes of tests cannot be counted just now', { err: error }))
  const seen = (input: { id: string }, ctx: Ctx) => findTest(input, ctx, 'abtests:read')
  const watch = (running: Running) => watchTest(running, { ...life, ...acting, figures: figuresFor })
  const follow = followUsage(hashUnit)
  return {
    endpoints: resultRoutes(
      {
        record: recordOutcomes({
          findTest: (id, ctx) => findTest({ id }, ctx, 'analytics:write'),
          hashUnit,
          isExposing,
          told: counting.wake,
        }),
        results: getResults(seen),
        power: getPower(seen),
      },
      notFound,
    ),
    jobs: [
      ...watchJobs({
        settle: counting.settle,
        watch,
        failed: ({ workspaceId, id }, err) =>
          log('a test could not be looked at; the next minute tries again', { workspaceId, testId: id, err }),
      }),
      ...purgeJobs(daysKept),
    ],
    events: watchEvents,
    async follow(db, uses) {
      await follow(db, uses)
      counting.wake() // a second later at the latest this transaction has committed, or the fold begins anew
    },
    wake: counting.wake,
    settle: counting.settle,
    async recount() {
      await system(wantRecount, 'write')
      await counting.settle()
    },
    watch,
    start: counting.start,
    stop: counting.stop,
  }
}
