/**
 * Row 22: the variant of a unit, computed by the SDK without a call: one core, a test of two variants at coverage 1, so
 * that both hashes are computed, and ids of the length of a UUID, no two alike.
 */
import { assign } from '../../packages/sdk/src/index.ts'
import { figure } from '../lib/report.ts'
import type { Row } from '../lib/row.ts'
import { median } from '../lib/stats.ts'

const half = 2 ** 31
const experiment = {
  seed: '0192f0c2-5f7a-7cc0-8000-1234567890ab',
  coverage: 1,
  variants: [{ key: 'a' }, { key: 'b' }],
  ranges: [
    { variant: 'a', start: 0, end: half },
    { variant: 'b', start: half, end: 2 * half },
  ],
}

/** Assignments per second, over so many milliseconds. */
function rate(unitIds: readonly string[], ms: number): number {
  let [calls, control] = [0, 0]
  const startedAt = performance.now()
  for (; performance.now() - startedAt < ms; calls += unitIds.length)
    for (const unitId of unitIds) if (assign(experiment, unitId).variant === 'a') control++
  const perSecond = calls / ((performance.now() - startedAt) / 1000)
  if (Math.abs(control / calls - 0.5) > 0.02) throw new Error('the split is not even')
  return perSecond
}

export const assignRow: Row = {
  id: '22',
  title: 'Assign a unit to a variant in the SDK',
  async measure({ quick }) {
    const unitIds = Array.from({ length: 20_000 }, (_, i) => `0192f0c2-5f7a-7cc0-8000-${String(i).padStart(12, '0')}`)
    rate(unitIds, 300)
    const perSecond = median(Array.from({ length: quick ? 5 : 15 }, () => rate(unitIds, quick ? 100 : 400)))
    return [
      {
        what: 'assign in the SDK, one core',
        ours: figure(perSecond, '/s'),
        rival: 'limit',
        value: perSecond,
        shown: figure(perSecond, '/s'),
        bar: { atLeast: 500_000 },
        aim: { atLeast: 1_000_000 },
      },
    ]
  },
}
