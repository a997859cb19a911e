import { append, templateOf } from './run.ts'
import type { Template } from './types.ts'

/** A text without an engine: it is served as it is. */
export const parseNone = (text: string): Template =>
  templateOf(
    { engine: 'none', text, write: (run) => append(run, text), parse: (copy) => parseNone(copy).part, copies: new Map() },
    { uses: [], includes: [] },
  )
