import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import type { Experiment } from '../model/experiment.ts'
import { powerOf } from '../model/power.ts'
import { lossOf } from '../model/promotion.ts'
import { metricsOf, type PowerReport, type Results, reportOf } from '../model/report.ts'
import type { Figures } from '../model/results.ts'
import { promptsOf } from '../store/prompts.ts'
import { figuresOf, seriesOf, tallyOf } from './figures.ts'

/** A test that the caller may see. @throws ABTestNotFound (404) */
export type FindTest = (input: { id: string }, ctx: Ctx) => Promise<Experiment>

export const figuresFor = (db: Db, { id, metric }: Experiment): Promise<Figures> =>
  figuresOf(db, id, metric.quantile === undefined ? undefined : metric.primary)

/** How a test stands: some small rows, however many outcomes there are. @throws ABTestNotFound (404) */
export const getResults =
  (findTest: FindTest) =>
  async (input: { id: string }, ctx: Ctx): Promise<Results> => {
    const test = await findTest(input, ctx)
    const now = ctx.now()
    const forMs = test.startedAt === null ? 0 : Date.parse(test.endedAt ?? now) - Date.parse(test.startedAt)
    return ctx.readAll(async (db) => {
      const figures = await figuresFor(db, test)
      const outcomes = await tallyOf(db, test.id)
      const series = await seriesOf(db, test.id, metricsOf(test), forMs)
      return reportOf(test, figures, { outcomes, series, lost: await lostOf(db, test) }, now)
    })
  }

/** Of the variants that nobody is to be served by, why. Names of prompts are not told: a caller may see the test and not them. */
async function lostOf(db: Db, test: Experiment): Promise<Map<string, string>> {
  const prompts = await promptsOf(db, test)
  return new Map(
    test.variants.flatMap((variant) => (lossOf(variant, prompts, false) ? [[variant.key, lossOf(variant, prompts, false)!]] : [])),
  )
}

/** @throws ABTestNotFound (404) */
export const getPower =
  (findTest: FindTest) =>
  async (input: { id: string }, ctx: Ctx): Promise<PowerReport> => {
    const test = await findTest(input, ctx)
    return powerOf(test, await ctx.readAll((db) => figuresFor(db, test)), ctx.now())
  }
