import type { Ctx } from '../../../core/context.ts'
import { AppError } from '../../../core/errors.ts'
import { driftWindows, PromptNotFound, promptFacts } from '../../prompts/index.ts'
import { type Asked, iso, rangeOf } from '../model/range.ts'
import { reportOf } from '../model/report.ts'
import { byTime, pointsOf, sumOf } from './dashboard.ts'
import { getDriftInUse } from './drift.ts'
import { getPrediction } from './prediction.ts'

/**
 * One prompt: all of it, by time and by version; how its use has drifted, and what is to be expected of it.
 * @throws PromptNotFound (404), QuestionInvalid (422)
 */
export async function getPromptUse({ promptId, from, to, interval }: Asked & { promptId: string }, ctx: Ctx) {
  const range = rangeOf({ from, to, interval }, Date.parse(ctx.now()), 30)
  const [prompt] = await ctx.read((db) => promptFacts(db, [promptId]))
  if (!prompt) throw new AppError(PromptNotFound, `There is no prompt ${promptId}.`)
  const { found, groups } = await pointsOf(range, { promptId }, 'version', ctx)
  const drift = await getDriftInUse({ promptId, ...driftWindows }, ctx)
  return {
    promptId,
    from: iso(range.from),
    to: iso(range.to),
    interval: range.interval,
    ...byTime(found),
    versions: [...groups.values()]
      .map(({ group, points: own }) => ({
        version: Number(group.key.split('@')[1]) || null,
        totals: reportOf(sumOf(own.map(({ tally }) => tally))),
      }))
      .sort((a, b) => (b.version ?? 0) - (a.version ?? 0)),
    ...(drift && { drift }),
    forecast: await getPrediction({ promptId }, ctx),
  }
}
