// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${name} is what prompts have for variables
import type { Prompt } from '@prompt-store/sdk'
import { withoutCode } from './code-samples.ts'
import { isLiquid } from './liquid.ts'
import { type Tag, tagsOf } from './tags.ts'

export type Engine = Prompt['engine']

/**
 * Why an engine was chosen: `plain` has no tags; `mustache` and `liquid` have tags of theirs; `dollar` has `${name}`;
 * `jinja` has tags that liquid does not share; `code` has braces in code samples only; `foreign` has braces of
 * something else (JSX, LaTeX, GitHub Actions, formats of other tools).
 */
export type Decision = 'plain' | 'mustache' | 'liquid' | 'dollar' | 'jinja' | 'code' | 'foreign'
export type VariableSyntax = Readonly<{ style: '${name:default}' | 'jinja'; variables?: readonly { name: string; default?: string }[] }>
export type Detected = Readonly<{ engine: Engine; decision: Decision; variableSyntax?: VariableSyntax }>

/** As the service reads names: everything else in double braces stays text. */
const variable = /^[\p{L}_][\p{L}\p{M}\p{N}_-]*(?:\.[\p{L}\p{M}\p{N}_-]+)*$/u
const reference = /^[^\s/@]+\/[^\s/@][^/@]*(?:@[^\s/@]+)?$/
const latexCommand = /\\[a-zA-Z]+\*?(?:\{[^{}]*\}|\[[^\]]*\])*$/
const dollar = /\$\{([^{}$:\n]{1,100})(?::([^{}\n]*))?\}/g
const dollarName = /^[\p{L}_][\p{L}\p{M}\p{N}_ /'-]*$/u

const jinjaBlock = /^\s*(?:set|if|for|elif|else|endif|endfor|macro|endmacro|block|endblock|include|extends)\b/
/** Filters with parentheses or none of Liquid's, methods, slices, indices, inline conditions, lists and texts. */
const jinjaOutput = /\|\s*\w+\s*(?:\(|$)|\w\.\w+\(|\[[^\][]*\]|\bif\b.*\belse\b|\w\.\d|^\s*"[^":]*"\s*$/

/**
 * Which engine a text is meant for. Code samples (fenced or between backticks) do not count: their braces are what they
 * show. Liquid is a proposal: the service has the last word on whether it can be parsed.
 */
export function detect(text: string): Detected {
  const doubles = text.includes('{{') || text.includes('{%')
  if (!doubles && !text.includes('${')) return { engine: 'mustache', decision: 'plain' }
  const prose = withoutCode(text)
  const dollars = dollarVariables(prose)
  const syntax = dollars.length > 0 ? { variableSyntax: { style: '${name:default}', variables: dollars } as const } : {}
  if (/\{\{|\{%/.test(prose)) return { ...ofTags(text, prose), ...syntax }
  if (dollars.length > 0) return { engine: 'none', decision: 'dollar', ...syntax }
  return doubles ? { engine: 'none', decision: 'code' } : { engine: 'mustache', decision: 'plain' }
}

function ofTags(text: string, prose: string): Detected {
  const tags = tagsOf(prose)
  if (!tags) return { engine: 'none', decision: 'foreign' }
  if (tags.every((tag) => isMustache(tag, prose))) return { engine: 'mustache', decision: 'mustache' }
  const all = tagsOf(text)
  if (all && isLiquid(text, all)) return { engine: 'liquid', decision: 'liquid' }
  const jinja = tags.some(({ kind, inside, start }) =>
    kind === 'block' ? jinjaBlock.test(inside) : jinjaOutput.test(inside) && !isElsewhere(prose, start),
  )
  return jinja && !tags.some(({ inside }) => inside.includes('$'))
    ? { engine: 'none', decision: 'jinja', variableSyntax: { style: 'jinja' } }
    : { engine: 'none', decision: 'foreign' }
}

/** One of mustache's tags, around a name or a reference. */
function isMustache({ kind, inside, start, triple }: Tag, prose: string): boolean {
  if (kind === 'block' || isElsewhere(prose, start)) return false
  const [, sigil = '', name = ''] = /^([{#^/&>!]?)\s*([\s\S]*)$/.exec(inside.trim()) ?? []
  if (sigil === '!') return true
  if (sigil === '>') return reference.test(name)
  if (sigil === '{' && !triple) return false
  return variable.test(name) || (name === '.' && sigil === '')
}

/** Braces of GitHub Actions (`${{ … }}`) or of a LaTeX command. */
function isElsewhere(prose: string, start: number): boolean {
  const before = prose.slice(Math.max(0, start - 60), start)
  return before.endsWith('$') || latexCommand.test(before)
}

/** `${name}` and `${name:default}`, each name once. */
function dollarVariables(prose: string): { name: string; default?: string }[] {
  const found = new Map<string, { name: string; default?: string }>()
  for (const [, written = '', value] of prose.matchAll(dollar)) {
    const name = written.trim()
    if (!dollarName.test(name) || found.get(name)?.default !== undefined) continue
    found.set(name, value === undefined ? { name } : { name, default: value.trim() })
  }
  return [...found.values()]
}
