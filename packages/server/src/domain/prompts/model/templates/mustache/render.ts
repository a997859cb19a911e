import { indented } from '../indentation.ts'
import { append, enter, leave, operationsLimit, outputLimit, owns, spend, textOf } from '../run.ts'
import type { Run, Scope } from '../types.ts'
import type { Node } from './tree.ts'

/** Walk a template, writing into `run.out`. Throws `RenderLimit` and `RenderFailed`. */
export const writeNodes = (nodes: readonly Node[], run: Run, scope: Scope): void => {
  const { operations, output } = run.limits
  for (let index = 0; index < nodes.length; index++) {
    const node = nodes[index] as Node
    if (++run.operations > operations) throw operationsLimit(run)
    if (node.kind === 'text') run.out += node.text
    else if (node.kind === 'value') append(run, textOf(find(node.path, run, scope, true)))
    else if (node.kind === 'section') writeSection(node, run, scope)
    else writeInclude(node, run, scope)
    if (run.out.length > output) throw outputLimit(run)
  }
}

const writeSection = (node: Extract<Node, { kind: 'section' }>, run: Run, scope: Scope): void => {
  const value = find(node.path, run, scope, false)
  const isShown = Array.isArray(value) ? value.length > 0 : Boolean(value) && typeof value !== 'function'
  if (isShown === node.inverted) return
  if (Array.isArray(value) && isShown) for (const item of value) writeItem(node.nodes, run, { value: item, up: scope })
  else writeNodes(node.nodes, run, value === true || node.inverted ? scope : { value, up: scope })
}

const writeItem = (nodes: readonly Node[], run: Run, scope: Scope): void => {
  spend(run, 1)
  writeNodes(nodes, run, scope)
}

const writeInclude = ({ ref, indent }: Extract<Node, { kind: 'include' }>, run: Run, scope: Scope): void => {
  const part = enter(run, ref)
  try {
    const shifted = indent === '' ? part : indented(part, indent, run)
    shifted.write(run, scope)
  } finally {
    leave(run)
  }
}

/**
 * Look a path up: its first name in the innermost value that has it as an own property, the rest from there.
 * Undefined when there is none. `isWritten`: a name that is not found is missing; a section may ask for an absent one.
 */
const find = (path: readonly string[], run: Run, scope: Scope, isWritten: boolean): unknown => {
  const name = path[0] as string
  if (name === '.') return scope.value
  for (let frame: Scope | null = scope; frame !== null; frame = frame.up) {
    if (owns(frame.value, name)) {
      if (frame === run.root) run.used?.add(name)
      const value = frame.value[name]
      return path.length === 1 ? value : descend(value, path, run, isWritten)
    }
    run.operations++
  }
  if (isWritten) run.missing?.add(name)
  return undefined
}

const descend = (root: unknown, path: readonly string[], run: Run, isWritten: boolean): unknown => {
  let value = root
  for (let index = 1; index < path.length; index++) {
    const name = path[index] as string
    run.operations++
    if (!owns(value, name)) {
      if (isWritten) run.missing?.add(path.join('.'))
      return undefined
    }
    value = value[name]
  }
  return value
}
