import type { Db } from '../../core/db.ts'
import type { AcrossWorkspaces } from '../../core/runtime.ts'
import { type Block, sealBlock } from './model/blocks.ts'
import type { Signer } from './model/signing.ts'
import { oneAtATime } from './one-at-a-time.ts'
import { addBlocks, entriesBetween, isOnlySealer, isSettled, lastBlock, type Mark, readMark, tipsOf, type UnsealedEntry } from './store.ts'

/** Entries in one transaction of the sealer. */
const maxSealed = 5_000

export type SealerParts = Readonly<{
  system: AcrossWorkspaces
  signer: Signer
  clock: () => string
}>

export type Sealer = Readonly<{
  /**
   * Seal one batch. Any number of instances may ask at once: one of them works.
   * @returns `unsettled`: a transaction may still bring earlier entries; ask again in a moment. `behind`: sealed up to a
   * mark of an earlier pass, so that newer entries may be there. `busy`: another instance is at it
   */
  pass(): Promise<Outcome>
}>
export type Outcome = 'done' | 'more' | 'unsettled' | 'behind' | 'busy'

/**
 * Chains entries, in the order of their numbers, behind the changes that wrote them. It takes a mark, and seals up to it
 * when all transactions that could still write before it have ended; so nothing that commits late is missed, and nothing
 * is sealed that was not committed. What it has done is one transaction: killed at any moment, it goes on where it was.
 */
export function createSealer({ system, signer, clock }: SealerParts): Sealer {
  let mark: Mark | undefined
  const pass = async (): Promise<Outcome> => {
    const isFresh = mark === undefined
    mark ??= await system(readMark, 'write')
    const upTo = mark
    const outcome = await system((tx) => sealUpTo(tx, upTo, { signer, at: clock() }), 'write')
    if (outcome !== 'done') return outcome
    mark = undefined
    return isFresh ? 'done' : 'behind'
  }
  return { pass: oneAtATime(pass) }
}

async function sealUpTo(tx: Db, mark: Mark, by: { signer: Signer; at: string }): Promise<Outcome> {
  if (!(await isOnlySealer(tx))) return 'busy'
  const last = await lastBlock(tx)
  if (last.through >= mark.sequence) return 'done'
  if (!(await isSettled(tx, mark))) return 'unsettled'
  const entries = await entriesBetween(tx, last.through, mark.sequence, maxSealed)
  if (entries.length === 0) return 'done'
  const full = entries.length === maxSealed
  await addBlocks(tx, await blocksOf(tx, entries, last.number, by), full ? entries.at(-1)!.sequence : mark.sequence)
  return full ? 'more' : 'done'
}

/** One block for each workspace that has entries among these. */
async function blocksOf(tx: Db, entries: readonly UnsealedEntry[], number: number, by: { signer: Signer; at: string }): Promise<Block[]> {
  const groups = Map.groupBy(entries, ({ workspaceId }) => workspaceId)
  const tips = await tipsOf(tx, [...groups.keys()])
  return [...groups].map(([workspaceId, group], i) => sealBlock(tips.get(workspaceId)!, group, { ...by, number: number + i + 1 }))
}
