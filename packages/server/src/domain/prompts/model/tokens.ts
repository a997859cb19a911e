import { createRequire } from 'node:module'
import type { countTokens as countAll } from 'gpt-tokenizer/encoding/o200k_base'

/** The encoding takes 70 MB and half a second to load, so it is loaded when tokens are first counted. */
let loaded: typeof countAll | undefined
const count: typeof countAll = (...args) => {
  loaded ??= (createRequire(import.meta.url)('gpt-tokenizer/cjs/encoding/o200k_base') as { countTokens: typeof countAll }).countTokens
  return loaded(...args)
}

/** Byte-pair encoding takes quadratic time on a long run without a break, so no piece is longer than this. */
const longest = 4_000

/** Tokens of a text in OpenAI's o200k_base encoding; pieces are cut every 4,000 characters, so a long text may count a few more. */
export function countTokens(text: string): number {
  let tokens = 0
  for (let start = 0; start < text.length; ) {
    let end = Math.min(text.length, start + longest)
    if (end < text.length) {
      const space = text.lastIndexOf(' ', end)
      if (space > start + longest / 2) end = space
    }
    tokens += count(text.slice(start, end).toWellFormed(), { allowedSpecial: new Set(), disallowedSpecial: new Set() })
    start = end
  }
  return tokens
}
