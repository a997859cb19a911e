import type { Ctx } from '../../../core/context.ts'
import { queryTerms } from '../model/analysis.ts'
import { rankByWords } from './keyword.ts'
import { understand, type Vocabulary } from './terms.ts'

/**
 * The ids of prompts that have the rarest words of a text in common with it, best first, in all categories that the caller
 * may see. Words that stand in one prompt alone say nothing: that prompt is most likely the text's own.
 */
export const similarTo = (text: string, limit: number, vocabulary: Vocabulary, ctx: Ctx): Promise<string[]> =>
  ctx.system(async (db) => {
    const understood = await understand(db, { query: text, asked: queryTerms(text), vocabulary }, ctx)
    const known = understood.known.filter(({ documents }) => documents > 1)
    const ranked = await rankByWords(db, { ...understood, known }, { filters: {}, limit }, ctx)
    return ranked.map(({ id }) => id)
  }, 'read')
