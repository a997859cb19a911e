import type { Ctx } from '../../../core/context.ts'
import { AppError } from '../../../core/errors.ts'
import { PromptNotFound, promptFacts } from '../../prompts/index.ts'
import { mostValues } from '../model/change-points.ts'
import { dayMs, hourMs } from '../model/measurement.ts'
import { measure, metrics } from '../model/metrics.ts'
import { iso, rangeOf, tooManyPoints } from '../model/range.ts'
import { startOf } from '../model/rollup.ts'
import { emptyTally } from '../model/tally.ts'
import { type TimedMeasure, trendOf } from '../model/trend.ts'
import { scopeOf } from './scope.ts'
import { points } from './tallies.ts'

type Asked = Readonly<{
  from?: string | undefined
  to?: string | undefined
  interval?: 'hour' | 'day' | undefined
  promptId?: string | undefined
}>

/** How each metric went, of the workspace or a prompt, by whole days or hours that are over. @throws QuestionInvalid (422); PromptNotFound (404) */
export async function getTrends({ promptId, ...asked }: Asked, ctx: Ctx) {
  const now = Date.parse(ctx.now())
  const interval = asked.interval ?? 'day'
  const length = interval === 'hour' ? hourMs : dayMs
  const whole = rangeOf({ ...asked, interval }, now, interval === 'hour' ? 7 : 60)
  const range = { from: whole.from, to: Math.min(whole.to, startOf(interval, now)) }
  if ((range.to - range.from) / length > mostValues) throw tooManyPoints(mostValues)
  const byTime = await ctx.read(async (db) => {
    if (promptId !== undefined && (await promptFacts(db, [promptId])).length === 0)
      throw new AppError(PromptNotFound, `There is no prompt ${promptId}.`)
    const filter = { ...range, promptId }
    const found = await points(db, interval, filter, scopeOf(filter, false, ctx))
    return new Map(found.map(({ at, tally }) => [at, tally]))
  })
  const times: number[] = []
  const first = Math.min(...byTime.keys())
  for (let at = first; at < range.to; at += length) times.push(at)
  const told = metrics.map((metric) => {
    const values = times.map((at): TimedMeasure => ({ at, ...measure(metric, [{ tally: byTime.get(at) ?? emptyTally(), part: 1 }]) }))
    return trendOf(metric, interval, values)
  })
  return {
    from: iso(range.from),
    to: iso(Math.max(range.from, range.to)),
    interval,
    metrics: told,
    text: told.map(({ text }) => text).join(' '),
  }
}
