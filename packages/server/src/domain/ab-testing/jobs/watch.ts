import { Type } from 'typebox'
import type { Ctx } from '../../../core/context.ts'
import { type Job, job } from '../../../core/jobs.ts'
import { type Running, runningTests } from '../store/watch.ts'

const atOnce = 200

export type Watch = Readonly<{
  /** Count what is there to count. */
  settle(signal?: AbortSignal): Promise<void>
  /** Look at one test, and act. */
  watch(running: Running): Promise<void>
  /** One could not be looked at. */
  failed(running: Running, error: unknown): void
}>

/** The schedule of tests: each minute, once per cluster, every running test is looked at; what fails does not hold up the others. */
export const watchJobs = ({ settle, watch, failed }: Watch): Job[] => [
  job({
    name: 'ab_testing.watch_tests',
    payload: Type.Object({}),
    retries: 0, // the next minute tries again
    schedule: '* * * * *',
    async run(_payload, ctx, { signal }) {
      await settle(signal)
      await watchAll(ctx, { watch, failed }, signal)
    },
  }),
]

async function watchAll(ctx: Ctx, { watch, failed }: Pick<Watch, 'watch' | 'failed'>, signal: AbortSignal): Promise<void> {
  const failures: unknown[] = []
  for (let last: Running | undefined; ; ) {
    const page: Running[] = await ctx.system((db) => runningTests(db, last, atOnce), 'read')
    for (const running of page) {
      signal.throwIfAborted()
      await watch(running).catch((error) => {
        failed(running, error)
        failures.push(error)
      })
    }
    last = page.at(-1)
    if (page.length < atOnce) break
  }
  if (failures.length > 0) throw failures[0]
}
