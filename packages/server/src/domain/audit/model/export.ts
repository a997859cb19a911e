import { createHash } from 'node:crypto'
import { type Block, checkpointOf, type Tip, valuesOf } from './blocks.ts'
import { lineOf } from './checkpoint.ts'
import type { AuditEntry } from './entry.ts'
import type { Signer } from './signing.ts'

type Place = Readonly<{ position: number; sequence: number; chain: string }>
type Begun = Readonly<{ workspaceId: string; exportedAt: string; after: number; chain: string; to: Tip; signer: Signer }>

/**
 * Writes an exported trail: header, entries and checkpoints as they come, footer. Entries are given as they are, with
 * the chain's values as they were sealed: what does not fit together is for the reader to find.
 */
export function exportLines({ workspaceId, exportedAt, after, chain, to, signer }: Begun) {
  const digest = createHash('sha256')
  const { publicKey, keyId } = signer
  let count = 0
  let first: Place | null = null
  let last: Place | null = null
  const told = (lines: readonly object[]): string => {
    const text = lines.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join('')
    digest.update(text)
    return text
  }
  return {
    header: (): string =>
      told([{ type: 'header', format: 'prompt-store-audit/1', workspaceId, exportedAt, after, chain, publicKey, keyId }]),
    block(block: Block, entries: readonly AuditEntry[]): string {
      const values = valuesOf(block)
      const index = new Map(block.sequences.map((sequence, i) => [sequence, i]))
      const lines = entries.flatMap((entry) => {
        const i = index.get(entry.sequence)
        const position = i === undefined ? null : block.firstPosition + i
        if (position !== null && position <= after) return []
        const place = { position, sequence: entry.sequence, chain: i === undefined ? null : values[i]!.toString('hex') }
        count++
        if (place.position !== null) last = place as Place
        first ??= last
        return [{ type: 'entry', position, ...entry, chain: place.chain }]
      })
      return told([
        ...lines,
        JSON.parse(lineOf({ ...checkpointOf(block), keyId: block.keyId, signature: block.signature.toString('base64') })),
      ])
    },
    footer(unsealed: number): string {
      const facts = { workspaceId, exportedAt, after, count, position: to.position, head: to.head.toString('hex'), first, last, unsealed }
      // `sha256` is of all bytes before the footer, and the signature over all of the footer but itself: over the whole file.
      const unsigned = { type: 'footer', ...facts, sha256: digest.digest('hex'), publicKey, keyId }
      const signature = signer.sign(JSON.stringify(['footer/1', unsigned])).toString('base64')
      return `${JSON.stringify({ ...unsigned, signature })}\n`
    },
  }
}
