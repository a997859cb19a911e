import { toValueSync } from 'liquidjs'
import { templateOf } from '../run.ts'
import type { Part, Template } from '../types.ts'
import { analyse } from './analysis.ts'
import { liquid, parseNodes } from './engine.ts'
import { rememberNodes } from './inclusion.ts'
import { renderNodes, startClock } from './renderer.ts'
import { runEmitter, sandboxed } from './sandbox.ts'

/**
 * Liquid, sandboxed: own properties of JSON values only, no files, no clock, no chance, bounded time and memory; output
 * is not escaped, an object is written as JSON. `render` and `include` take a prompt's reference as a fixed text.
 * Throws `TemplateInvalid`.
 */
export const parseLiquid = (text: string): Template => {
  const nodes = parseNodes(text)
  const part: Part = {
    engine: 'liquid',
    text,
    write: (run, scope) => {
      startClock(run)
      toValueSync(renderNodes(nodes, sandboxed(liquid, run, scope), runEmitter(run)))
    },
    parse: (copy) => parseLiquid(copy).part,
    copies: new Map(),
  }
  rememberNodes(part, nodes)
  return templateOf(part, analyse(nodes))
}
