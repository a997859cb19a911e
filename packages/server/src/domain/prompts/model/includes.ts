import { AppError, type ErrorKind } from '../../../core/errors.ts'
import { defaultLabel } from './labels.ts'
import type { IncludeRef } from './templates/index.ts'

/** Includes may nest this deep. */
export const maxIncludeDepth = 8

/** What a version includes: another prompt, by the label it follows or the version it pins. */
export type Edge = Readonly<{ reference: string; targetId: string; targetLabel: string | null; targetVersion: number | null }>

/** A prompt's version that could be served, with what it includes. */
export type Node = Readonly<{ promptId: string; version: number; edges: readonly Edge[] }>

export type Graph = Readonly<{
  /** The versions that a reference may lead to: the pinned one, or, of a followed prompt, all that carry a label and the newest. */
  targets(edge: Edge): readonly Node[]
  nameOf(promptId: string): string
}>

/** The label that a reference follows, when it pins no version. */
export const followed = (ref: IncludeRef): { targetLabel: string | null; targetVersion: number | null } =>
  ref.version === undefined ? { targetLabel: ref.label ?? defaultLabel, targetVersion: null } : { targetLabel: null, targetVersion: ref.version }

/**
 * Look for a way from a version back to its own prompt. Followed references count as reaching whatever their prompt
 * serves or may serve next, so that no later label move of two saves can close a circle unseen.
 * @returns the names along the cycle, first = last; undefined when there is none
 * @throws the given kind when includes nest deeper than 8
 */
export function findCycle(start: Node, graph: Graph, tooDeep: ErrorKind): string[] | undefined {
  const done = new Set<string>()
  const visit = (node: Node, path: readonly string[]): string[] | undefined => {
    if (path.length > maxIncludeDepth + 1) throw new AppError(tooDeep, `Includes nest deeper than ${maxIncludeDepth}: ${path.join(' → ')}. Include the deeper ones directly.`)
    for (const edge of node.edges) {
      const name = graph.nameOf(edge.targetId)
      if (edge.targetId === start.promptId && closes(edge, start)) return [...path, name]
      for (const target of graph.targets(edge)) {
        const key = `${target.promptId}@${target.version}#${path.length}`
        if (done.has(key)) continue
        done.add(key)
        const cycle = visit(target, [...path, name])
        if (cycle) return cycle
      }
    }
    return undefined
  }
  return visit(start, [graph.nameOf(start.promptId)])
}

/** A pinned reference to another version of the same prompt leads elsewhere; a followed one may lead back. */
const closes = (edge: Edge, start: Node): boolean => edge.targetVersion === null || edge.targetVersion === start.version
