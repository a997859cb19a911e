import { type Context, type Emitter, type Template as Node, TypeGuards } from 'liquidjs'
import { isTemplateError, RenderFailed, RenderLimit } from '../errors.ts'
import { spend } from '../run.ts'
import type { Run } from '../types.ts'
import { bufferEmitter, runOf } from './sandbox.ts'

/**
 * Takes the place of liquidjs's own renderer, whose limits do not see operations, output and captured texts.
 * Without an `emitter` the text is collected and returned (`capture`).
 */
export function* renderNodes(nodes: Node[], context: Context, emitter?: Emitter): Generator<unknown, string, unknown> {
  const run = runOf(context)
  const target = emitter ?? bufferEmitter(run)
  checkTime(run) // for texts, which alternate with nodes that look at the clock themselves
  for (const node of nodes) {
    spend(run, 1)
    const { token } = node
    if (TypeGuards.isHTMLToken(token)) {
      target.write(token.getContent()) // plain text, as liquidjs would write it, without a generator
      continue
    }
    checkTime(run)
    try {
      const text = yield node.render(context, target)
      if (text) target.write(text)
    } catch (error) {
      throw explained(error, node)
    }
    if (context.breakCalled || context.continueCalled) break
  }
  return target.buffer
}

/** Start the clock of a run when it enters its first liquid template. */
export const startClock = (run: Run): void => {
  if (run.deadline === 0) run.deadline = performance.now() + run.limits.liquidMs
}

/** Throws `RenderLimit` when the time is over. */
export const checkTime = (run: Run): void => {
  if (performance.now() > run.deadline) throw new RenderLimit(`rendering takes longer than ${run.limits.liquidMs} ms`)
}

/** What a template's caller is told: our own errors as they are (also when liquidjs has wrapped them), others with their line. */
const explained = (error: unknown, node: Node): Error => {
  const cause = (error as { originalError?: unknown } | undefined)?.originalError ?? error
  if (isTemplateError(cause)) return cause
  if (cause instanceof RangeError) return new RenderLimit(`liquid: ${cause.message}`)
  const message = cause instanceof Error ? cause.message : String(cause)
  return new RenderFailed(`liquid: ${message}`, { text: node.token.input, offset: node.token.begin })
}
