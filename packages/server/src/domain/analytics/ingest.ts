import type { AcrossWorkspaces } from '../../core/runtime.ts'
import { type Collector, createCollector, type Outcome } from './collector.ts'
import { dayMs, type Measurement } from './model/measurement.ts'
import { insertMeasurements, openDays } from './store/measurements.ts'
import { createSeriesBook } from './store/series.ts'

export type Submitted = Readonly<{ workspaceId: string; measurement: Measurement }>

/** Events of a write, but for a submission that is larger; writes at a time, the further ones where so many wait; events and bytes that may wait. */
const limits = { together: 500, writes: 4, worthAnother: 500, waiting: 20_000, bytes: 32 * 1024 * 1024 }
/** What an event takes in memory beside its texts, about. */
const eventBytes = 600

export const bytesOf = (measurements: readonly Measurement[]): number =>
  measurements.reduce((sum, { rest }) => sum + eventBytes + (rest?.length ?? 0), 0)

const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10)

/** The way of events into the database. @param told after each commit: there is something to count */
export function createIngest(system: AcrossWorkspaces, clock: () => string, told: () => void): Collector<Submitted> {
  const series = createSeriesBook(system)
  const opened = new Set<string>()

  const open = async (items: readonly Submitted[]) => {
    const days = [...new Set(items.map(({ measurement }) => Math.floor(measurement.occurredAt / dayMs)))]
      .map((day) => dayOf(day * dayMs))
      .filter((day) => !opened.has(day))
    if (days.length === 0) return
    await system((db) => openDays(db, days), 'write')
    for (const day of days) opened.add(day)
  }

  const write = async (items: readonly Submitted[]): Promise<Outcome[]> => {
    await open(items)
    const ids = await series.numbersOf(items.map(({ workspaceId, measurement: { dimensions } }) => ({ workspaceId, dimensions })))
    const rows = items.map(({ workspaceId, measurement }, i) => ({ workspaceId, measurement, series: ids[i]! }))
    const stored = await system((db) => insertMeasurements(db, rows, clock().slice(0, 10)), 'write').catch((error) => {
      opened.clear() // the day may have been purged elsewhere: it is looked at again
      throw error
    })
    told()
    return stored.map((is) => (is ? 'stored' : 'duplicate'))
  }
  return createCollector(write, limits)
}
