import type { Db } from '../../../core/db.ts'
import { admitted, otherSeries, type Place, type Placed } from '../model/rollup.ts'
import { countSeries, presentSeries } from './rollups.ts'

/** Under which number each hour's series is counted: its own, or the one of all that go beyond the limit. */
export async function seriesIn(db: Db, hours: readonly Placed[], most: number): Promise<(place: Place) => number> {
  const present = await presentSeries(db, hours)
  const groups = [...Map.groupBy(hours, ({ workspaceId, at }) => `${workspaceId} ${at}`).values()]
  const growing = groups.filter((group) => group.some(({ workspaceId, at, series }) => !present.has(`${workspaceId} ${at} ${series}`)))
  const counts = await countSeries(
    db,
    growing.map(([first]) => first!),
  )
  const own = new Set(present)
  for (const [i, group] of growing.entries()) {
    const { workspaceId, at } = group[0]!
    const here = new Set(group.map(({ series }) => series).filter((series) => present.has(`${workspaceId} ${at} ${series}`)))
    const told = group.map(({ series }) => series).filter((series) => series > 0)
    for (const series of admitted(told, here, counts[i]!, most)) own.add(`${workspaceId} ${at} ${series}`)
  }
  return ({ workspaceId, at, series }) => (own.has(`${workspaceId} ${at} ${series}`) ? series : otherSeries)
}
