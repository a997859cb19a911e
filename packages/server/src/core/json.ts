import { AppError } from './errors.ts'
import { NestingTooDeep, RequestMalformed, TextUnstorable } from './problem.ts'

const maxDepth = 64

/**
 * Parse a JSON body strictly: valid UTF-8 (RFC 8259 §8.1), no NUL, no lone surrogates, at most 64 levels.
 * `__proto__` and `constructor` are ordinary names; nothing here assigns through them.
 * @throws RequestMalformed (400), TextUnstorable and NestingTooDeep (422)
 */
export function parseJson(bytes: Uint8Array, isUtf8: (bytes: Uint8Array) => boolean): unknown {
  if (!isUtf8(bytes)) throw new AppError(RequestMalformed, 'The body is not valid UTF-8. Send JSON encoded as UTF-8.')
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'))
  } catch (error) {
    throw new AppError(RequestMalformed, `The body is not valid JSON: ${(error as Error).message}`)
  }
  assertStorable(value)
  return value
}

/** Why a text cannot be stored, or undefined when it can. */
const flaw = (text: string): string | undefined => {
  if (text.includes('\0')) return 'holds a NUL character; remove it'
  if (!text.isWellFormed()) return 'holds half of a surrogate pair; send well-formed Unicode'
  return undefined
}

/** @throws TextUnstorable (422) when the text, which came as the named query or path parameter, cannot be stored */
export function assertText(text: string, pointer: string): void {
  const what = flaw(text)
  if (what) throw new AppError(TextUnstorable, `${pointer} ${what}.`, { errors: [{ pointer, code: 'text.unstorable', detail: `It ${what}.` }] })
}

/** Walk with a stack of its own, so that depth is a 422 and not a stack overflow. */
function assertStorable(root: unknown): void {
  const todo: { value: unknown; pointer: string; depth: number }[] = [{ value: root, pointer: '', depth: 0 }]
  for (let next = todo.pop(); next; next = todo.pop()) {
    const { value, pointer, depth } = next
    if (typeof value === 'string') assertText(value, pointer)
    if (typeof value !== 'object' || value === null) continue
    if (depth >= maxDepth)
      throw new AppError(NestingTooDeep, `The body is nested more than ${maxDepth} levels deep at ${pointer.slice(0, 200)}. Flatten it.`)
    for (const [key, child] of Object.entries(value)) {
      const at = `${pointer}/${escapePointer(key)}`
      assertText(key, at)
      todo.push({ value: child, pointer: at, depth: depth + 1 })
    }
  }
}

/** One part of a JSON pointer (RFC 6901 §3). */
export const escapePointer = (part: string): string => part.replaceAll('~', '~0').replaceAll('/', '~1')
