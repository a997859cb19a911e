import type { Db } from '../../../core/db.ts'
import { isId } from '../../../core/ids.ts'
import type { MeasuredUse } from '../../analytics/index.ts'
import { type OutcomeRow, valuesOf } from '../model/outcomes.ts'
import { insertOutcomes, knownTests } from '../store/outcomes.ts'

const atOnce = 5_000

/**
 * Uses of prompts that name a test are outcomes of it. Runs in the transaction that counts them as uses, so that each comes
 * here once; those of tests that there are not, or that never started, stay uses and nothing more.
 * @param hashUnit the keyed hash of a unit: 8 bytes in hex
 */
export const followUsage =
  (hashUnit: (workspaceId: string, unitId: string) => string) =>
  async (db: Db, uses: readonly MeasuredUse[]): Promise<void> => {
    const named = uses.filter(({ testId, unitId }) => isId(testId) && unitId !== '')
    const known = await knownTests(
      db,
      named.map(({ testId }) => testId),
    )
    const rows = named
      .filter(({ workspaceId, testId }) => known.has(`${workspaceId} ${testId}`))
      .map(
        ({ workspaceId, testId, unitId, variant, occurredAt, success, latencyUs, costMicros, tokens }): OutcomeRow => ({
          workspaceId,
          testId,
          unitHash: hashUnit(workspaceId, unitId),
          at: new Date(occurredAt).toISOString(),
          claimed: variant,
          values: { ...valuesOf({}), success: success ? 1 : 0, latencyMs: latencyUs, costUsd: costMicros, tokens },
          metadata: null,
        }),
      )
    for (let at = 0; at < rows.length; at += atOnce) await insertOutcomes(db, rows.slice(at, at + atOnce))
  }
