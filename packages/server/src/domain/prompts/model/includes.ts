import { type Principal, sees } from '../../../core/access.ts'
import { AppError, type ErrorKind } from '../../../core/errors.ts'
import { IncludeCycle, IncludeCycleLater, IncludeTooDeep, IncludeTooDeepLater } from './failures.ts'
import { defaultLabel } from './labels.ts'
import type { IncludeRef } from './templates/index.ts'

/** Includes may nest this deep. */
export const maxIncludeDepth = 8
/** Prompts that one version may include. */
export const maxIncludes = 200

/** What a version includes: another prompt, by the label it follows or the version it pins. */
export type Edge = Readonly<{ reference: string; targetId: string; targetLabel: string | null; targetVersion: number | null }>

/** The label that a reference follows, when it pins no version. */
export const followed = (ref: IncludeRef): Pick<Edge, 'targetLabel' | 'targetVersion'> =>
  ref.version === undefined
    ? { targetLabel: ref.label ?? defaultLabel, targetVersion: null }
    : { targetLabel: null, targetVersion: ref.version }

/** A version of a prompt in the graph of includes: `promptId@version`. */
export type NodeKey = string
export const nodeKey = (promptId: string, version: number): NodeKey => `${promptId}@${version}`

/**
 * The graph around one version: who includes whom, above and below it. A reference that follows a label leads to every
 * version that its prompt serves or has newest, so that no label move can close a cycle between two saves.
 */
export type Graph = Readonly<{ links: readonly Readonly<{ from: NodeKey; to: NodeKey }>[]; nameOf(node: NodeKey): string }>

/** When the graph is looked at: a save is refused with 422 (the text is wrong), what comes later with 409 (the state stands against it). */
export type Moment = 'save' | 'later'
const kinds: Readonly<Record<Moment, { cycle: ErrorKind; depth: ErrorKind }>> = {
  save: { cycle: IncludeCycle, depth: IncludeTooDeep },
  later: { cycle: IncludeCycleLater, depth: IncludeTooDeepLater },
}

/**
 * @throws IncludeCycle or IncludeTooDeep (422; their `Later` twins 409) when a way leads from the version back to
 * itself, or when a chain through it has more than 8 includes, counted from the topmost prompt that includes it
 */
export function assertGraph(start: NodeKey, { links, nameOf }: Graph, moment: Moment): void {
  const below = neighbours(links.map(({ from, to }) => [from, to]))
  const above = neighbours(links.map(({ from, to }) => [to, from]))
  const cycle = pathBack(start, below)?.map(nameOf)
  if (cycle)
    throw refusal(kinds[moment].cycle, `The prompt would include itself: ${cycle.join(' → ')}. Take one of these includes out.`, { cycle })
  const chain = [...longest(start, above).reverse(), ...longest(start, below).slice(1)].map(nameOf)
  if (chain.length - 1 > maxIncludeDepth)
    throw refusal(
      kinds[moment].depth,
      `Includes would nest deeper than ${maxIncludeDepth}: ${chain.join(' → ')}. Include the deeper ones directly.`,
      { chain },
    )
}

/** A prompt in the words of a failure; one that the caller may not see is not named. */
export const namedTo = (actor: Principal, { category, name }: Named): string =>
  sees(actor, category) ? `${category}/${name}` : '(one that you may not see)'
type Named = Readonly<{ category: string; name: string }>

/** Who includes a prompt, as one caller may be told of it: `told` are the parts of a sentence, in which the hidden ones are counted. */
export type Includers = Readonly<{ names: readonly string[]; hidden: number; told: readonly string[] }>
export const noIncluders: Includers = { names: [], hidden: 0, told: [] }

export function tellIncluders(found: readonly Named[], actor: Principal): Includers {
  const names = found.filter(({ category }) => sees(actor, category)).map(({ category, name }) => `${category}/${name}`)
  const hidden = found.length - names.length
  return { names, hidden, told: hidden > 0 ? [...names, `${hidden} that you may not see`] : names }
}

const refusal = (kind: ErrorKind, detail: string, members: Readonly<Record<string, unknown>>): AppError =>
  new AppError(kind, detail, { members, ...(kind.status === 422 && { errors: [{ pointer: '/content', code: kind.code, detail }] }) })

type Neighbours = ReadonlyMap<NodeKey, readonly NodeKey[]>

function neighbours(pairs: readonly (readonly [NodeKey, NodeKey])[]): Neighbours {
  const found = new Map<NodeKey, NodeKey[]>()
  for (const [from, to] of pairs) {
    const known = found.get(from)
    if (known) known.push(to)
    else found.set(from, [to])
  }
  return found
}

/** A way from a node back to itself, first = last; undefined when there is none. */
function pathBack(start: NodeKey, next: Neighbours): NodeKey[] | undefined {
  const seen = new Set<NodeKey>()
  const visit = (node: NodeKey, path: readonly NodeKey[]): NodeKey[] | undefined => {
    for (const to of next.get(node) ?? []) {
      if (to === start) return [...path, start]
      if (seen.has(to)) continue
      seen.add(to)
      const found = visit(to, [...path, to])
      if (found) return found
    }
    return undefined
  }
  return visit(start, [start])
}

/** The longest chain from a node, itself first. Each node is visited once. */
function longest(start: NodeKey, next: Neighbours): NodeKey[] {
  const known = new Map<NodeKey, NodeKey[]>()
  const visit = (node: NodeKey): NodeKey[] => {
    const done = known.get(node)
    if (done) return done
    known.set(node, [node])
    const rest = (next.get(node) ?? []).map(visit).reduce<NodeKey[]>((best, chain) => (chain.length > best.length ? chain : best), [])
    const chain = [node, ...rest]
    known.set(node, chain)
    return chain
  }
  return [...visit(start)]
}
