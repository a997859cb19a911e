import type { Ctx } from '../../../core/context.ts'
import { AppError } from '../../../core/errors.ts'
import { driftWindows, PromptNotFound, promptFacts } from '../../prompts/index.ts'
import { type Asked, iso, rangeOf } from '../model/range.ts'
import { reportOf } from '../model/report.ts'
import { groupTotals, timelineOf } from './dashboard.ts'
import { getDriftInUse } from './drift.ts'
import { groupsOf, measuredSeries } from './groups.ts'
import { getPrediction } from './prediction.ts'

/**
 * One prompt: all of it, by time and by version; how its use has drifted, and what is to be expected of it.
 * @throws PromptNotFound (404), QuestionInvalid (422)
 */
export async function getPromptUse({ promptId, from, to, interval }: Asked & { promptId: string }, ctx: Ctx) {
  const range = rangeOf({ from, to, interval }, Date.parse(ctx.now()), 30)
  const [prompt] = await ctx.read((db) => promptFacts(db, [promptId]))
  if (!prompt) throw new AppError(PromptNotFound, `There is no prompt ${promptId}.`)
  const { whole, versions } = await ctx.read(async (db) => {
    const groups = groupsOf(await measuredSeries(db, range.interval, { promptId, ...range }, ctx), 'version')
    return { whole: await timelineOf(db, range, { promptId }, ctx), versions: await groupTotals(db, range, groups) }
  })
  const drift = await getDriftInUse({ promptId, ...driftWindows }, ctx)
  return {
    promptId,
    from: iso(range.from),
    to: iso(range.to),
    interval: range.interval,
    ...whole,
    versions: [...versions]
      .map(([key, tally]) => ({ version: Number(key.split('@')[1]) || null, totals: reportOf(tally) }))
      .sort((a, b) => (b.version ?? 0) - (a.version ?? 0)),
    ...(drift && { drift }),
    forecast: await getPrediction({ promptId }, ctx),
  }
}
