import { AppError } from './errors.ts'
import { NestingTooDeep, RequestMalformed, TextUnstorable } from './problem.ts'

const maxDepth = 64

/** Names and indices, from the root to a value. */
type Path = (string | number)[]

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
  assertStorable(value, [])
  return value
}

/** Why a text cannot be stored, or undefined when it can. */
const flaw = (text: string): string | undefined => {
  if (text.includes('\0')) return 'holds a NUL character; remove it'
  if (!text.isWellFormed()) return 'holds half of a surrogate pair; send well-formed Unicode'
  return undefined
}

/**
 * @param at where the text came from: `?name` or `:name`, or its path within the body
 * @throws TextUnstorable (422) when it cannot be stored
 */
export function assertText(text: string, at: string | Readonly<Path>): void {
  const what = flaw(text)
  if (!what) return
  throw unstorable(typeof at === 'string' ? at : pointerOf(at), what)
}

const unstorable = (pointer: string, what: string): AppError =>
  new AppError(TextUnstorable, `${pointer || 'The body'} ${what}.`, {
    errors: [{ pointer, code: 'text.unstorable', detail: `It ${what}.` }],
  })

/** Depth is bounded before each step down, so the recursion is too; a pointer is only made of `path` when it is told. */
function assertStorable(value: unknown, path: Path): void {
  if (typeof value === 'string') return assertText(value, path)
  if (typeof value === 'number' && !Number.isFinite(value))
    throw unstorable(pointerOf(path), 'is a number too large to be kept; send it as a text')
  if (typeof value !== 'object' || value === null) return
  if (path.length >= maxDepth)
    throw new AppError(
      NestingTooDeep,
      `The body is nested more than ${maxDepth} levels deep at ${pointerOf(path).slice(0, 200)}. Flatten it.`,
    )
  for (const key of Array.isArray(value) ? value.keys() : Object.keys(value)) {
    path.push(key)
    if (typeof key === 'string') assertText(key, path)
    assertStorable((value as Record<string | number, unknown>)[key], path)
    path.pop()
  }
}

const pointerOf = (path: Readonly<Path>): string => path.map((part) => `/${escapePointer(String(part))}`).join('')

/** One part of a JSON pointer (RFC 6901 §3). */
export const escapePointer = (part: string): string => part.replaceAll('~', '~0').replaceAll('/', '~1')
