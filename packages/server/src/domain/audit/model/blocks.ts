import { type Checkpoint, checkpointText } from './checkpoint.ts'
import type { AuditEntry } from './entry.ts'
import { entryHash, genesis, link, split } from './entry.ts'
import type { Finding } from './findings.ts'
import type { Keyring, Signer } from './signing.ts'

/** Entries of one workspace that were sealed together. */
export type Block = Readonly<{
  workspaceId: string
  height: number
  number: number
  firstPosition: number
  lastPosition: number
  sequences: readonly number[]
  /** 32 bytes for each entry. */
  hashes: Buffer
  previous: Buffer
  head: Buffer
  sealedAt: string
  keyId: string
  signature: Buffer
}>

/** Where a workspace's chain ends. */
export type Tip = Readonly<{ workspaceId: string; height: number; position: number; head: Buffer }>

export const noTip = (workspaceId: string): Tip => ({ workspaceId, height: 0, position: 0, head: genesis(workspaceId) })
export const tipOf = ({ workspaceId, height, lastPosition, head }: Block): Tip => ({ workspaceId, height, position: lastPosition, head })

export const checkpointOf = ({ number, workspaceId, height, lastPosition, head, sealedAt }: Block): Checkpoint => ({
  number,
  workspaceId,
  height,
  position: lastPosition,
  head: head.toString('hex'),
  sealedAt,
})

/** Seal entries behind a tip. @param entries of the tip's workspace, in order, at least one */
export function sealBlock(tip: Tip, entries: readonly AuditEntry[], by: { number: number; at: string; signer: Signer }): Block {
  const { workspaceId } = tip
  const hashes = entries.map((entry) => entryHash(workspaceId, entry))
  const unsigned = {
    workspaceId,
    height: tip.height + 1,
    number: by.number,
    firstPosition: tip.position + 1,
    lastPosition: tip.position + entries.length,
    sequences: entries.map(({ sequence }) => sequence),
    hashes: Buffer.concat(hashes),
    previous: tip.head,
    head: hashes.reduce(link, tip.head),
    sealedAt: by.at,
    keyId: by.signer.keyId,
  }
  return { ...unsigned, signature: by.signer.sign(checkpointText(checkpointOf({ ...unsigned, signature: tip.head }), by.signer.keyId)) }
}

/** The chain's values after each entry of a block. */
export function valuesOf({ previous, hashes }: Pick<Block, 'previous' | 'hashes'>): Buffer[] {
  let value = previous
  return split(hashes).map((one) => {
    value = link(value, one)
    return value
  })
}

/** Whether a block follows the tip, and is what was signed: it says nothing of the entries yet. */
export function findInBlock(tip: Tip, block: Block, keys: Keyring): Finding | undefined {
  const at = { position: tip.position + 1, sequence: block.sequences[0] ?? null }
  if (block.height !== tip.height + 1)
    return { kind: 'block_missing', ...at, detail: `Block ${tip.height + 1} is missing; the next one is ${block.height}.` }
  const count = block.lastPosition - block.firstPosition + 1
  const fits =
    block.firstPosition === tip.position + 1 &&
    block.previous.equals(tip.head) &&
    block.sequences.length === count &&
    block.hashes.length === 32 * count &&
    (valuesOf(block).at(-1) ?? tip.head).equals(block.head)
  if (!fits)
    return { kind: 'seal_altered', ...at, detail: `Block ${block.height} does not follow from the one before, or from its own hashes.` }
  if (!keys.check(block.keyId, checkpointText(checkpointOf(block), block.keyId), block.signature))
    return {
      kind: 'signature',
      ...at,
      detail: `Block ${block.height} is not signed by a trusted key: it was made or signed again by another (key id ${block.keyId}).`,
    }
  return undefined
}

/** The first entry of a block that is not as it was sealed. @param entries all between the block's first and last, in order */
export function findInEntries(block: Block, entries: readonly AuditEntry[]): Finding | undefined {
  const hashes = split(block.hashes)
  const found = new Map(entries.map((entry) => [entry.sequence, entry]))
  const sealed = new Map(block.sequences.map((sequence, i) => [sequence, hashes[i]!]))
  for (const sequence of [...new Set([...found.keys(), ...sealed.keys()])].sort((a, b) => a - b)) {
    const entry = found.get(sequence)
    const wanted = sealed.get(sequence)
    const position = wanted ? block.firstPosition + block.sequences.indexOf(sequence) : null
    if (!entry) return { kind: 'deleted', position, sequence, detail: `Entry ${sequence} was sealed and is not there any more.` }
    if (!wanted) return { kind: 'inserted', position, sequence, detail: `Entry ${sequence} was put among sealed ones later.` }
    if (entryHash(block.workspaceId, entry).equals(wanted)) continue
    const other = [...sealed].find(([of, hash]) => of !== sequence && entryHash(block.workspaceId, { ...entry, sequence: of }).equals(hash))
    return other
      ? { kind: 'swapped', position, sequence, detail: `Entry ${sequence} holds what was sealed as entry ${other[0]}.` }
      : { kind: 'edited', position, sequence, detail: `Entry ${sequence} is not as it was sealed.` }
  }
  return undefined
}
