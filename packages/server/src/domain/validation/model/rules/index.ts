import type { Rule } from '../rule.ts'
import { vagueWord } from './clarity.ts'
import { duplicatedParagraph } from './duplication.ts'
import { missingOutputFormat, unclosedFence } from './format.ts'
import { overLong } from './length.ts'
import { undefinedVariable, unusedVariable } from './variables.ts'

/** Every rule there is. A new one is a value in this list. */
export const rules: readonly Rule[] = [
  unusedVariable,
  undefinedVariable,
  duplicatedParagraph,
  unclosedFence,
  missingOutputFormat,
  overLong,
  vagueWord,
]
