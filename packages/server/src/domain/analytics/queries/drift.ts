import { may } from '../../../core/access.ts'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import type { DriftWindows, DriftInUse as Told } from '../../prompts/index.ts'
import { driftOf } from '../model/drift.ts'
import { dayMs } from '../model/measurement.ts'
import { iso } from '../model/range.ts'
import { startOf } from '../model/rollup.ts'
import { emptyTally, mergeTally, type Tally } from '../model/tally.ts'
import { scopeOf } from './scope.ts'
import { pointsByGroup } from './tallies.ts'

/**
 * How a prompt does in use in the last days, today among them, against the days before these. Read from the rollups by day.
 * @returns undefined for a caller who may not read measurements
 */
export async function getDriftInUse(
  { promptId, recentDays, baselineDays }: DriftWindows & { promptId: string },
  ctx: Ctx,
): Promise<Told | undefined> {
  if (!may(ctx.actor, 'analytics:read')) return undefined
  const end = startOf('day', Date.parse(ctx.now())) + dayMs
  const middle = end - recentDays * dayMs
  const begin = middle - baselineDays * dayMs
  return ctx.read(async (db) => {
    const recent = await sumOfPrompt(db, promptId, middle, end, ctx)
    const baseline = await sumOfPrompt(db, promptId, begin, middle, ctx)
    return {
      recent: { from: iso(middle), to: iso(end) },
      baseline: { from: iso(begin), to: iso(middle) },
      ...driftOf(recent, baseline, { recent: recentDays, baseline: baselineDays }),
    }
  })
}

/** All use of a prompt from one day to another, however many series that is. @throws Overloaded (503) */
export async function sumOfPrompt(db: Db, promptId: string, from: number, to: number, ctx: Ctx): Promise<Tally> {
  const filter = { promptId, from, to }
  const sum = emptyTally()
  const found = pointsByGroup(db, 'day', filter, scopeOf(filter, false, ctx), () => promptId, { rows: Number.POSITIVE_INFINITY })
  for await (const { groups } of found) for (const tally of groups.values()) mergeTally(sum, tally)
  return sum
}
