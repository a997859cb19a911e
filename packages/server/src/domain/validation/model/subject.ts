/** One text of a prompt. `pointer` says where it stands in the prompt (RFC 6901). */
export type Passage = Readonly<{ pointer: string; message: number | null; role: string | null; text: string }>

/** What is looked at: a prompt as its owner wrote it, with what its template engine found in it. */
export type Subject = Readonly<{
  engine: 'mustache' | 'liquid' | 'none'
  passages: readonly Passage[]
  /** The variables that are declared, by name. */
  variables: readonly Readonly<{ name: string }>[]
  /** Names that the template uses, and placeholders of messages. */
  uses: readonly string[]
  /** It includes other prompts, which may use its variables. */
  hasIncludes: boolean
  /** Tokens of all passages together. */
  tokens: number
  config: Readonly<Record<string, unknown>>
}>

/** A place in a passage: UTF-16 offsets, `end` behind the last. */
export type Span = Readonly<{ pointer: string; message: number | null; start: number; end: number }>

export const spanOf = ({ pointer, message }: Passage, start: number, end: number): Span => ({ pointer, message, start, end })

const code = /(^|\n)[ \t]*(```|~~~)[^\n]*\n[\s\S]*?(?:\n[ \t]*\2[^\n]*|$)|`[^`\n]{1,200}`/g
const tag = /\{\{[^{}]{0,1000}\}\}|\{%[^%]{0,1000}%\}/g

const blank = (found: string): string => found.replace(/[^\n]/g, ' ')

/** The same text with code blanked out, offsets unchanged: examples of code are not instructions. */
export const withoutCode = (text: string): string => text.replace(code, blank)

/** The same, with the tags of templates blanked out too: what is left is prose. */
export const proseOf = (text: string): string => withoutCode(text).replace(tag, blank)

/** Who tells the model what to do. What an assistant said is an example. */
export const isInstruction = ({ role }: Passage): boolean => role === null || role === 'system' || role === 'developer' || role === 'user'

/** The first matches of a pattern, at most this many: a text of a million matches costs no more. */
export function firstMatches(text: string, pattern: RegExp, most: number): RegExpExecArray[] {
  const found: RegExpExecArray[] = []
  for (const match of text.matchAll(pattern)) {
    if (found.length >= most) break
    found.push(match)
  }
  return found
}
