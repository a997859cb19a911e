type Link = Readonly<{ sourceId: string; targetId: string }>

/** The ends of links by where they begin. */
export function successors(links: readonly Link[]): Map<string, string[]> {
  const next = new Map<string, string[]>()
  for (const { sourceId, targetId } of links) {
    const known = next.get(sourceId)
    if (known) known.push(targetId)
    else next.set(sourceId, [targetId])
  }
  return next
}

/** A shortest way along links, both ends in it; undefined when there is none. Linear in the links (breadth first). */
export function shortestPath(next: ReadonlyMap<string, readonly string[]>, from: string, to: string): string[] | undefined {
  const cameFrom = new Map<string, string | null>([[from, null]])
  const queue = [from]
  for (let i = 0; i < queue.length; i++) {
    const at = queue[i]!
    if (at === to) return wayTo(cameFrom, to)
    for (const node of next.get(at) ?? [])
      if (!cameFrom.has(node)) {
        cameFrom.set(node, at)
        queue.push(node)
      }
  }
  return undefined
}

function wayTo(cameFrom: ReadonlyMap<string, string | null>, to: string): string[] {
  const path: string[] = []
  for (let at: string | null | undefined = to; at !== null && at !== undefined; at = cameFrom.get(at)) path.push(at)
  return path.reverse()
}

/**
 * The knots of a graph: groups of nodes that all reach each other (Tarjan 1972, strongly connected components, without
 * recursion). Only those that hold a cycle: two nodes or more, or a node that leads to itself. Linear in nodes and links.
 */
function knots(next: ReadonlyMap<string, readonly string[]>): string[][] {
  const state: Tarjan = { index: new Map(), low: new Map(), stack: [], onStack: new Set(), found: [] }
  for (const start of next.keys()) if (!state.index.has(start)) explore(start, next, state)
  return state.found.filter((nodes) => nodes.length > 1 || next.get(nodes[0]!)?.includes(nodes[0]!))
}

type Tarjan = { index: Map<string, number>; low: Map<string, number>; stack: string[]; onStack: Set<string>; found: string[][] }

function explore(start: string, next: ReadonlyMap<string, readonly string[]>, state: Tarjan): void {
  const { index, low, onStack } = state
  const frames = [enter(start, state)]
  while (frames.length > 0) {
    const frame = frames.at(-1)!
    const to = next.get(frame.node)?.[frame.at++]
    if (to === undefined) {
      frames.pop()
      const above = frames.at(-1)
      if (above) low.set(above.node, Math.min(low.get(above.node)!, low.get(frame.node)!))
      if (low.get(frame.node) === index.get(frame.node)) state.found.push(takeKnot(frame.node, state))
    } else if (!index.has(to)) frames.push(enter(to, state))
    else if (onStack.has(to)) low.set(frame.node, Math.min(low.get(frame.node)!, index.get(to)!))
  }
}

function enter(node: string, { index, low, stack, onStack }: Tarjan): { node: string; at: number } {
  const number = index.size
  index.set(node, number)
  low.set(node, number)
  stack.push(node)
  onStack.add(node)
  return { node, at: 0 }
}

function takeKnot(root: string, { stack, onStack }: Tarjan): string[] {
  const nodes = stack.splice(stack.lastIndexOf(root))
  for (const node of nodes) onStack.delete(node)
  return nodes
}

/** One cycle of each knot, first = last, the shortest through its smallest node: what to show of it. Linear in nodes and links. */
export function cyclesOf(links: readonly Link[]): string[][] {
  const next = successors(links)
  return knots(next).map((nodes) => {
    const inside = new Set(nodes)
    const start = nodes.reduce((least, node) => (node < least ? node : least))
    const home = `${start} again`
    const within = new Map(
      nodes.map((node) => [node, (next.get(node) ?? []).filter((to) => inside.has(to)).map((to) => (to === start ? home : to))]),
    )
    return [...shortestPath(within, start, home)!.slice(0, -1), start]
  })
}
