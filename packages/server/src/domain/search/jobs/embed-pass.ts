import type { Db } from '../../../core/db.ts'
import type { Encoder } from '../../../core/encoder.ts'
import { quantize } from '../model/vectors.ts'
import type { Neighbours, Source } from '../neighbours.ts'
import { claimDue, releaseClaims, saveVectors } from '../store/vectors.ts'

/** Documents at once, and how long an encoder may take for them. */
const batch = 8
const patienceMs = 60_000

/** What a prompt means is told by its name, its description and how it begins; encoders read no further than this. */
const encodedText = 1_500

const embeddingText = ({ name, description, content }: Pick<Source, 'name' | 'description' | 'content'>): string =>
  [name.replace(/[_-]+/g, ' '), description, content]
    .filter((part) => part.trim() !== '')
    .join('\n')
    .slice(0, encodedText)

type Within = <T>(work: (db: Db) => Promise<T>) => Promise<T>

/**
 * Make some of the vectors that are due. No transaction is open while the encoder works.
 * @returns how many; 0: none was due
 * @throws when the encoder fails; what was claimed is free again then
 */
export async function embedPass(within: Within, encoder: Encoder, { sources }: Pick<Neighbours<never>, 'sources'>): Promise<number> {
  const claimed = await within((db) => claimDue(db, batch))
  if (claimed.length === 0) return 0
  const keys = claimed.map(({ workspaceId, promptId }) => ({ workspaceId, id: promptId }))
  const found = new Map((await within((db) => sources(db, keys))).map((source) => [source.id, source]))
  const wanted = claimed.flatMap((claim) => {
    const source = found.get(claim.promptId)
    return source ? [{ ...claim, text: embeddingText(source) }] : []
  })
  try {
    const vectors =
      wanted.length === 0
        ? []
        : await encoder.embed(
            wanted.map(({ text }) => text),
            patienceMs,
          )
    const made = wanted.map(({ text: _text, ...claim }, i) => ({ ...claim, vector: quantize(vectors[i]!) }))
    const model = { model: encoder.model, dimensions: vectors[0]?.length ?? 0 }
    await within((db) => saveVectors(db, model, made))
  } catch (error) {
    await within((db) => releaseClaims(db, claimed)).catch(() => undefined)
    throw error
  }
  return claimed.length
}
