import type { Tag } from './tags.ts'

/**
 * The part of Liquid about which there is no doubt: what is written in it is not Jinja, and not a code sample. Jinja
 * shares its brackets; method calls, arithmetic, inline conditions, tests, slices, tuples and filters with parentheses
 * are Jinja's, and make a text that is no Liquid.
 */
const root = String.raw`(?!(?:True|False|None|none|loop|self|super|range|not|in|is|and|or|if|else)\b)[A-Za-z_]\w*`
const path = String.raw`${root}(?:\.[A-Za-z_]\w*|\[(?:-?\d+|"[^"]*"|'[^']*'|${root})\])*`
const value = String.raw`(?:"[^"]*"|'[^']*'|-?\d+(?:\.\d+)?|true|false|nil|${path})`
const filter = String.raw`\|\s*(?:abs|append|ceil|compact|concat|date|default|divided_by|downcase|escape|first|floor|json|last|lstrip|map|minus|modulo|newline_to_br|plus|prepend|remove|replace|reverse|rstrip|size|slice|sort|split|strip|sum|times|truncate|truncatewords|uniq|upcase|where)\b(?:\s*:\s*${value}(?:\s*,\s*${value})*)?`
const joined = String.raw`\|\s*join\s*:\s*${value}`
const expression = String.raw`${value}(?:\s*(?:${filter}|${joined}))*`
const comparison = String.raw`${value}(?:\s*(?:==|!=|>=|<=|>|<|contains)\s*${value})?`
const condition = String.raw`${comparison}(?:(?:\s+and\s+${comparison})*|(?:\s+or\s+${comparison})*)`

const whole = (pattern: string): RegExp => new RegExp(`^\\s*(?:${pattern})\\s*$`)
const output = whole(expression)
const blocks = [
  whole(String.raw`(?:if|elsif|unless)\s+${condition}`),
  whole(
    String.raw`for\s+${root}\s+in\s+(?:${path}|\(\s*${value}\s*\.\.\s*${value}\s*\))(?:\s+(?:reversed|(?:limit|offset)\s*:\s*${value}))*`,
  ),
  whole(String.raw`assign\s+${root}\s*=\s*${expression}`),
  whole(String.raw`capture\s+${root}`),
  whole(String.raw`case\s+${value}`),
  whole(String.raw`when\s+${value}(?:\s*(?:,|or)\s*${value})*`),
  whole(String.raw`(?:render|include)\s+(?:"[^"]+/[^"]+"|'[^']+/[^']+')`),
  whole('else|endif|endunless|endfor|endassign|endcapture|endcase|break|continue|comment|endcomment'),
]

/** True when every tag of the text is one of Liquid's, and at least one of them is more than a name or a text. */
export function isLiquid(text: string, tags: readonly Tag[]): boolean {
  if (/\{#|#\}/.test(text)) return false // Jinja's comments would be text
  const known = tags.every(({ kind, inside }) => (kind === 'output' ? output.test(inside) : blocks.some((form) => form.test(inside))))
  return known && tags.some(({ kind, inside }) => kind === 'block' || /[|[]/.test(inside))
}
