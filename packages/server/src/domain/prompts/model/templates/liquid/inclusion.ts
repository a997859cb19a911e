import type { Context, Emitter, Template as Node, Token } from 'liquidjs'
import { parseReference } from '../reference.ts'
import { enter, leave } from '../run.ts'
import type { Part } from '../types.ts'
import { renderNodes } from './renderer.ts'
import { runOf, scopeOf } from './sandbox.ts'

/** The nodes of the liquid parts, which an include needs so that both share one context. */
const nodesOf = new WeakMap<Part, Node[]>()

export const rememberNodes = (part: Part, nodes: Node[]): void => {
  nodesOf.set(part, nodes)
}

/**
 * What liquidjs gets in place of a parsed partial file: a node that finds the included prompt when it is rendered, in
 * the run that renders it, and writes it whichever its engine is.
 */
export const inclusion = (reference: string): Node => {
  const ref = parseReference(reference)
  return {
    token: { input: '', begin: 0 } as Token,
    *render(context: Context, emitter: Emitter) {
      const run = runOf(context)
      const part = enter(run, ref)
      try {
        const nodes = nodesOf.get(part)
        if (nodes === undefined) emitter.write(written(part, context))
        else yield renderNodes(nodes, context, emitter)
      } finally {
        leave(run)
      }
    },
  }
}

/** The text of a part of another engine. */
const written = (part: Part, context: Context): string => {
  const run = runOf(context)
  const before = run.out
  run.out = ''
  try {
    part.write(run, scopeOf(context))
    return run.out
  } finally {
    run.out = before
  }
}
