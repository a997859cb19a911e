/** What stands in `{{…}}` (output) or `{%…%}` (block), without white-space control. `triple`: it was `{{{…}}}`. */
export type Tag = Readonly<{ kind: 'output' | 'block'; inside: string; start: number; end: number; triple: boolean }>

/** Nobody writes longer ones: it is a pair of braces that do not belong together. */
const maxLength = 1000

/** The tags of a text in their order; undefined when one is not closed. Takes linear time whatever the text is. */
export function tagsOf(text: string): Tag[] | undefined {
  const tags: Tag[] = []
  const openings = /\{\{|\{%/g
  for (let found = openings.exec(text); found; found = openings.exec(text)) {
    const tag = tagAt(text, found.index)
    if (!tag) return undefined
    tags.push(tag)
    openings.lastIndex = tag.end
  }
  return tags
}

function tagAt(text: string, start: number): Tag | undefined {
  const kind = text.charAt(start + 1) === '%' ? 'block' : 'output'
  const close = text.slice(start + 2, start + 2 + maxLength).indexOf(kind === 'block' ? '%}' : '}}')
  if (close === -1) return undefined
  const inside = text.slice(start + 2, start + 2 + close)
  const end = start + close + 4
  const triple = kind === 'output' && inside.startsWith('{') && text.charAt(end) === '}'
  return { kind, inside: inside.replace(/^-/, '').replace(/-$/, ''), start, end: triple ? end + 1 : end, triple }
}
