import type { Db } from '../../../core/db.ts'
import { findPinnable, type Pinnable } from '../../prompts/index.ts'
import type { Experiment } from '../model/experiment.ts'

/** The prompts of a test by their ids. */
export async function promptsOf(db: Db, { variants }: Pick<Experiment, 'variants'>): Promise<Map<string, Pinnable>> {
  const found = await findPinnable(db, [...new Set(variants.map(({ promptId }) => promptId))])
  return new Map(found.map((prompt) => [prompt.id, prompt]))
}
