import { createHash } from 'node:crypto'
import { type Block, checkpointOf, type Tip, valuesOf } from './blocks.ts'
import { lineOf } from './checkpoint.ts'
import type { AuditEntry } from './entry.ts'
import type { Signer } from './signing.ts'

/** What the footer's signature is made over; `sha256` is of all bytes before the footer, so it vouches for the whole file. */
export const footerText = (f: {
  workspaceId: string
  exportedAt: string
  after: number
  count: number
  position: number
  head: string
  sha256: string
  keyId: string
}): string => JSON.stringify(['footer/1', f.workspaceId, f.exportedAt, f.after, f.count, f.position, f.head, f.sha256, f.keyId])

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
      const head = to.head.toString('hex')
      const facts = { workspaceId, exportedAt, after, count, position: to.position, head, sha256: digest.digest('hex'), keyId }
      const signature = signer.sign(footerText(facts)).toString('base64')
      return `${JSON.stringify({ type: 'footer', ...facts, first, last, unsealed, publicKey, signature })}\n`
    },
  }
}
