import { TemplateInvalid } from '../errors.ts'

/** `&` is unescaped output, the same as a plain name here; `=` sets delimiters; `text` is what stands between tags. */
export type TokenKind = 'text' | 'name' | '&' | '#' | '^' | '/' | '>' | '!' | '='

/** `value` is the trimmed inside of a tag (for texts: nothing). `start` and `end` are offsets into the text. */
export type Token = { kind: TokenKind; value: string; start: number; end: number; indent: string }

const sigils = '#^/>{&=!'

/**
 * Cut a text into text and tags, the way mustache.js does. (Its own parser is not used: it takes quadratic time for
 * white space in tags, 4 s for 64 KiB, and an object per character.) Linear in the length of the text.
 * Throws `TemplateInvalid` for an unclosed tag and for wrong delimiters.
 */
export const scan = (text: string): Token[] => {
  const tokens: Token[] = []
  let [open, close] = ['{{', '}}']
  let at = 0
  while (at < text.length) {
    const start = text.indexOf(open, at)
    if (start === -1) break
    if (start > at) tokens.push({ kind: 'text', value: '', start: at, end: start, indent: '' })
    const tag = readTag(text, start, open, close)
    tokens.push(tag)
    if (tag.kind === '=') [open, close] = delimiters(tag.value, text, start)
    at = tag.end
  }
  if (at < text.length) tokens.push({ kind: 'text', value: '', start: at, end: text.length, indent: '' })
  return tokens
}

const readTag = (text: string, start: number, open: string, close: string): Token => {
  const inside = skipSpace(text, start + open.length)
  const sigil = inside < text.length && sigils.includes(text.charAt(inside)) ? text.charAt(inside) : ''
  const from = sigil === '' ? inside : skipSpace(text, inside + 1)
  const found = sigil === '=' ? endOfDelimiters(text, from, close) : endOfTag(text, from, sigil === '{' ? `}${close}` : close)
  if (found === undefined) throw new TemplateInvalid(`the tag is not closed: ${excerpt(text, start)}`, { text, offset: start })
  const kind = sigil === '' ? 'name' : sigil === '{' ? '&' : (sigil as TokenKind)
  return { kind, value: trimmedEnd(text, from, found.value), start, end: found.tag, indent: '' }
}

const endOfTag = (text: string, from: number, close: string): { value: number; tag: number } | undefined => {
  const end = text.indexOf(close, from)
  return end === -1 ? undefined : { value: end, tag: end + close.length }
}

const endOfDelimiters = (text: string, from: number, close: string): { value: number; tag: number } | undefined => {
  const equals = text.indexOf('=', from)
  const end = equals === -1 ? -1 : text.indexOf(close, equals + 1)
  return end === -1 ? undefined : { value: equals, tag: end + close.length }
}

const delimiters = (value: string, text: string, offset: number): [string, string] => {
  const [open, close] = value.split(/\s+/, 2)
  if (!open || !close) throw new TemplateInvalid('new delimiters are written {{=<% %>=}}', { text, offset })
  return [open, close]
}

const skipSpace = (text: string, from: number): number => {
  let at = from
  while (at < text.length && isSpace(text.charCodeAt(at))) at++
  return at
}

const trimmedEnd = (text: string, from: number, to: number): string => {
  let end = to
  while (end > from && isSpace(text.charCodeAt(end - 1))) end--
  return text.slice(from, end)
}

/** The same characters as `\s`. */
const isSpace = (code: number): boolean =>
  code === 32 || (code >= 9 && code <= 13) || code === 0xa0 || (code >= 0x1680 && /\s/.test(String.fromCharCode(code)))

export const excerpt = (text: string, start: number): string => {
  const line = text.slice(start, start + 40).split('\n', 1)[0] ?? ''
  return line.length < 40 ? line : `${line}…`
}
