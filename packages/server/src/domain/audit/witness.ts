import type { Db } from '../../core/db.ts'
import { type Block, checkpointOf } from './model/blocks.ts'
import { beginningLine, type CheckpointLog, type CheckpointSink, lineOf, parseLine } from './model/checkpoint.ts'
import type { Signer } from './model/signing.ts'
import { oneAtATime } from './one-at-a-time.ts'
import { blocksAfter, lastBlock, lastBlocks } from './store.ts'

export type WitnessParts = Readonly<{
  read: <T>(work: (db: Db) => Promise<T>) => Promise<T>
  log: CheckpointLog
  /** Who is sent the same lines besides. */
  also: readonly CheckpointSink[]
  signer: Signer
  clock: () => string
}>

const batch = 500

/**
 * Carries the checkpoints of new blocks out of the database, as they were signed. Every instance does so for the machine
 * that it runs on; processes that share a data folder share the file, where a line may then stand twice.
 */
export function createWitness({ read, log, also, signer, clock }: WitnessParts): { pass(): Promise<void> } {
  const append = async (lines: readonly string[]) => {
    if (lines.length > 0) for (const sink of [log, ...also]) await sink.append(lines)
  }
  /** A new log begins with where each chain stands now, which vouches for all that lies before. */
  const begin = async (): Promise<number> => {
    const { number, blocks } = await read(async (db) => ({ ...(await lastBlock(db)), blocks: await lastBlocks(db) }))
    await append([...blocks.map(checkpointLine), beginningLine(number, clock(), signer)])
    return number
  }
  return {
    pass: oneAtATime(async () => {
      let known = lastNumber(await log.tail()) ?? (await begin())
      for (;;) {
        const blocks = await read((db) => blocksAfter(db, known, batch))
        await append(blocks.map(checkpointLine))
        if (blocks.length < batch) return
        known = blocks.at(-1)!.number
      }
    }),
  }
}

/** Of the last line that can be read: one that was broken off is written again. */
const lastNumber = (lines: readonly string[]): number | undefined => lines.flatMap((line) => parseLine(line) ?? []).at(-1)?.number

const checkpointLine = (block: Block): string =>
  lineOf({ ...checkpointOf(block), keyId: block.keyId, signature: block.signature.toString('base64') })
