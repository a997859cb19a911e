import { RenderFailed, TemplateInvalid } from './errors.ts'
import { outputLimit, spend } from './run.ts'
import type { Part, Run } from './types.ts'

/** Kept per part, so that an include in a loop is parsed once; few and small, as the parts themselves live in caches. */
const maxCopies = 4
const maxKeptText = 256 * 1024

/**
 * The part with `prefix` before each of its lines that is not empty: what an include that stands alone on an indented
 * line writes. The source is indented, not the output, so that line breaks in values stay as they are.
 * Parsing is charged to the run. Throws `RenderLimit`.
 */
export const indented = (part: Part, prefix: string, run: Run): Part => {
  const kept = part.copies.get(prefix)
  if (kept !== undefined) return kept
  const copy = parseCopy(part, indentLines(part.text, prefix, run))
  if (copy.text.length > maxKeptText) return copy
  if (part.copies.size >= maxCopies) part.copies.clear()
  part.copies.set(prefix, copy)
  return copy
}

const indentLines = (text: string, prefix: string, run: Run): string => {
  const lines = /(^|\n)(?=[^\n])/g
  const count = text.match(lines)?.length ?? 0
  const size = text.length + count * prefix.length
  if (size > run.limits.output) throw outputLimit(run)
  spend(run, Math.ceil(size / 2))
  return text.replace(lines, (start) => start + prefix)
}

const parseCopy = (part: Part, text: string): Part => {
  try {
    return part.parse(text)
  } catch (error) {
    if (error instanceof TemplateInvalid) throw new RenderFailed(`an included prompt cannot be indented: ${error.detail}`)
    throw error
  }
}
