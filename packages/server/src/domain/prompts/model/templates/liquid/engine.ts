import { Liquid, LiquidError, type Template as Node, Parser, type Token, Tokenizer, type TopLevelToken, TypeGuards } from 'liquidjs'
import { type Place, TemplateInvalid } from '../errors.ts'
import { meteredOperators, registerFilters } from './filters.ts'
import { inclusion } from './inclusion.ts'
import { renderNodes } from './renderer.ts'

/** Characters of a text, and of one tag: an expression of many filters is evaluated between two looks at the clock. */
const maxText = 4 * 1024 * 1024
const maxTag = 8 * 1024

const createLiquid = (): Liquid => {
  const nowhere = (): never => {
    throw new Error('templates have no file system')
  }
  const fs = { readFile: nowhere, readFileSync: nowhere, exists: nowhere, existsSync: nowhere, resolve: nowhere }
  const sandbox = { fs, relativeReference: false, ownPropertyOnly: true, strictFilters: true, parseLimit: maxText }
  const liquid = new Liquid({ ...sandbox, operators: meteredOperators(), timezoneOffset: 0, locale: 'en-US' })
  // Other prompts come in by `render` and `include` alone.
  for (const tag of ['layout', 'block']) delete liquid.tags[tag]
  registerFilters(liquid)
  liquid.renderer.renderTemplates = renderNodes
  liquid._parsePartialFile = function* (file) {
    yield undefined
    return [inclusion(file)]
  }
  return liquid
}

/** One for all templates: it holds tags, filters and options, and nothing of any template. */
export const liquid = createLiquid()

/** Parse a text. Throws `TemplateInvalid`. */
export const parseNodes = (text: string): Node[] => {
  if (text.length > maxText) throw new TemplateInvalid(`the text is longer than ${maxText} characters`)
  try {
    const tokens = new Tokenizer(text, liquid.options.operators).readTopLevelTokens(liquid.options)
    for (const token of tokens) checkLength(token)
    return new Parser(liquid).parseTokens(queueOf(tokens))
  } catch (error) {
    throw invalid(error, text)
  }
}

const checkLength = (token: TopLevelToken): void => {
  if (TypeGuards.isHTMLToken(token) || token.end - token.begin <= maxTag) return
  throw new TemplateInvalid(`a tag is longer than ${maxTag} characters`, placeOf(token))
}

/**
 * The parser takes its tokens by `shift`, which moves all that follow: 100 s for 1 MiB of tags. From the end of a
 * reversed list the whole parse takes 0.8 s. (The parser uses nothing of the list but `shift` and `length`.)
 */
const queueOf = (tokens: TopLevelToken[]): TopLevelToken[] => {
  const queue = tokens.toReversed()
  queue.shift = queue.pop
  return queue
}

const invalid = (error: unknown, text: string): TemplateInvalid => {
  if (error instanceof TemplateInvalid) return error
  if (!LiquidError.is(error)) return new TemplateInvalid(`liquid: ${error instanceof Error ? error.message : String(error)}`)
  if (/call stack/.test(error.message)) return new TemplateInvalid('blocks or expressions are nested too deeply')
  const { token } = error as unknown as { token?: Token }
  const message = error.message.replace(/, line:\d+, col:\d+$/, '').slice(0, 200)
  return new TemplateInvalid(`liquid: ${message}`, token === undefined ? undefined : { text, offset: token.begin })
}

const placeOf = (token: Token): Place => ({ text: token.input, offset: token.begin })
