import type { IncludeRef, VariableUse } from '../types.ts'
import type { Node } from './tree.ts'

type Found = { structured: boolean; outer: boolean }

/** The variables and includes of a template, each once, in order of appearance. See `VariableUse` for what is told. */
export const usesOf = (nodes: readonly Node[]): { uses: readonly VariableUse[]; includes: readonly IncludeRef[] } => {
  const found = new Map<string, Found>()
  const includes = new Map<string, IncludeRef>()
  collect(nodes, false, found, includes)
  const uses = [...found].map(([name, { structured, outer }]): VariableUse => {
    const use = { name, kind: structured ? 'structured' : 'plain' } as const
    return outer ? use : { ...use, inner: true }
  })
  return { uses, includes: [...includes.values()] }
}

const collect = (nodes: readonly Node[], inner: boolean, found: Map<string, Found>, includes: Map<string, IncludeRef>): void => {
  for (const node of nodes) {
    if (node.kind === 'include') {
      if (!includes.has(node.ref.raw)) includes.set(node.ref.raw, node.ref)
    } else if (node.kind !== 'text') {
      add(found, node.path, node.kind === 'section', inner)
      // What an inverted section shows belongs to the outside: it has no item of its own.
      if (node.kind === 'section') collect(node.nodes, inner || !node.inverted, found, includes)
    }
  }
}

const add = (found: Map<string, Found>, path: readonly string[], isSection: boolean, inner: boolean): void => {
  const name = path[0] ?? '.'
  if (name === '.') return
  const structured = isSection || path.length > 1
  const known = found.get(name)
  if (known === undefined) found.set(name, { structured, outer: !inner })
  else {
    known.structured ||= structured
    known.outer ||= !inner
  }
}
