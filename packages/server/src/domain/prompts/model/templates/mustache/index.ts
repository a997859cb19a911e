import { templateOf } from '../run.ts'
import type { Part, Template } from '../types.ts'
import { writeNodes } from './render.ts'
import { parseTree } from './tree.ts'
import { usesOf } from './uses.ts'

/**
 * Mustache for prompts: the language of mustache(5), except that output is not HTML-escaped, that there are no lambdas,
 * that only own properties are found, that includes name prompts, and that tags which name no variable stay text.
 * Throws `TemplateInvalid`.
 */
export const parseMustache = (text: string): Template => {
  const nodes = parseTree(text)
  const part: Part = {
    engine: 'mustache',
    text,
    write: (run, scope) => writeNodes(nodes, run, scope),
    parse: (copy) => parseMustache(copy).part,
    copies: new Map(),
  }
  return templateOf(part, usesOf(nodes))
}
