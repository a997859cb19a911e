import { TemplateInvalid } from './errors.ts'
import { parseMustache } from './mustache/index.ts'
import type { Engine } from './types.ts'

/**
 * Which engine a text gets when the caller names none: mustache if it can be parsed, else `none`.
 * Liquid is never guessed: its tags are too easily someone else's code sample. `reason` is a sentence for a warning.
 */
export const detectEngine = (text: string): { engine: Engine; reason: string } => {
  try {
    parseMustache(text)
    return { engine: 'mustache', reason: 'the text is valid mustache' }
  } catch (error) {
    if (error instanceof TemplateInvalid) return { engine: 'none', reason: `the text is not valid mustache: ${error.message}` }
    throw error
  }
}
