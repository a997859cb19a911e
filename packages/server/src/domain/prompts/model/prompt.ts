import type { DomainEvent } from '../../../core/events.ts'
import { bodyChecksum } from './checksum.ts'
import { assertObjectSize, type MadeBody, type Warning } from './content.ts'
import { labelMoved, promptCreated, promptDeleted, promptForked, promptRestored, versionCreated } from './events.ts'
import { firstLabels, standsOn } from './labels.ts'
import type { Body, BreakGlass, Label, Prompt, Redacted, VersionNumber } from './shapes.ts'
import type { IncludeRef } from './templates/index.ts'

/** The part of a prompt that changes. `version` is the newest. */
export type State = Readonly<{
  id: string
  category: string
  name: string
  description: string
  type: Body['type']
  tags: readonly string[]
  metadata: Readonly<Record<string, unknown>>
  isTemplate: boolean
  status: Prompt['status']
  version: VersionNumber
  /** Of the newest version: it stands for the text in the prompt's fingerprint. */
  checksum: string
  revision: number
  parent: Prompt['parent']
  createdBy: string
  createdAt: string
  updatedAt: string
  deletedAt: string | null
  labels: Readonly<Record<Label, VersionNumber>>
}>

/** A version: never changes, save by redaction. */
export type VersionState = Readonly<{
  version: VersionNumber
  body: Body
  checksum: string
  changeSummary: string | null
  changeType: 'create' | 'update' | 'rollback' | 'fork'
  metadata: Readonly<Record<string, unknown>>
  createdBy: string
  createdAt: string
  /** Set when its text was removed for good. */
  redaction?: Redacted | null
}>

export type Move = Readonly<{ label: Label; from: VersionNumber | null; to: VersionNumber | null; reason: string | null }>

/** What follows from a rule: the next state, what is to be stored beside it, and what is told. */
export type Outcome = Readonly<{
  next: State
  version?: VersionState
  /** What the text of `version` includes, where it is not what the version before included. */
  includes?: readonly IncludeRef[]
  moves?: readonly Move[]
  /** The name it had until now, which goes on serving. */
  formerName?: Readonly<{ category: string; name: string }>
  events: readonly DomainEvent[]
  warnings?: readonly Warning[]
}>

/** Who does it, and when. */
export type By = Readonly<{ actor: string; at: string }>

/** The labels that stand on a version. */
export const standsWhere = (labels: State['labels'], version: VersionNumber): Label[] =>
  Object.keys(labels).filter((label) => labels[label] === version)

/** What a prompt is called, as events tell it. */
export const called = ({ category, name }: Pick<State, 'category' | 'name'>) => ({ category, name })

/** A new version, as events tell it. */
export const toldOf = (state: State, { version, changeType }: VersionState) => ({
  ...called(state),
  version,
  changeType,
})

/** Where a prompt goes whose author names no category. */
export const defaultCategory = 'general'

/** What a caller says of a new prompt beside its body. */
export type NewPrompt = Readonly<{
  category?: string | undefined
  description?: string | undefined
  tags?: readonly string[] | undefined
  metadata?: Readonly<Record<string, unknown>> | undefined
  isTemplate?: boolean | undefined
  labels?: readonly Label[] | Readonly<Record<Label, number>> | undefined
  changeSummary?: string | undefined
  versionMetadata?: Readonly<Record<string, unknown>> | undefined
  breakGlass?: BreakGlass | undefined
}>

/** A new prompt with its first version. Pure: says what follows, does nothing. @param made its body, name and origin */
export function createPrompt(
  input: NewPrompt,
  made: MadeBody & Readonly<{ id: string; name: string; parent: Prompt['parent'] }>,
  by: By,
): Outcome & { version: VersionState } {
  const { body, warnings, parent } = made
  assertObjectSize('metadata', input.metadata)
  assertObjectSize('versionMetadata', input.versionMetadata)
  const labels = firstLabels(input.labels)
  const version: VersionState = {
    version: 1,
    body,
    checksum: bodyChecksum(body),
    changeSummary: input.changeSummary ?? null,
    changeType: parent ? 'fork' : 'create',
    metadata: input.versionMetadata ?? {},
    createdBy: by.actor,
    createdAt: by.at,
  }
  const next: State = {
    id: made.id,
    category: input.category ?? defaultCategory,
    name: made.name,
    description: input.description ?? '',
    type: body.type,
    tags: [...new Set(input.tags)],
    metadata: input.metadata ?? {},
    isTemplate: input.isTemplate ?? false,
    status: 'draft',
    version: 1,
    checksum: version.checksum,
    revision: 1,
    parent,
    createdBy: by.actor,
    createdAt: by.at,
    updatedAt: by.at,
    deletedAt: null,
    labels: Object.fromEntries(labels.map((label) => [label, 1])),
  }
  const moves = labels.map((label) => ({ label, from: null, to: 1, reason: null }))
  const events = [
    promptCreated(next.id, { ...called(next), version: 1 }),
    ...(parent ? [promptForked(next.id, { ...called(next), from: parent })] : []),
    ...moves.map(({ label }) => labelMoved(next.id, { ...called(next), label, from: null, to: 1 })),
  ]
  return { next, version, moves, events, warnings }
}

/** The next revision of a prompt. */
export const touched = (state: State, by: By): State => ({ ...state, revision: state.revision + 1, updatedAt: by.at })

/** A new version equal to an earlier one, with the named labels moved to it. History is never rewritten. */
export function rollbackVersion(
  state: State,
  target: VersionState,
  input: { reason?: string | undefined; labels?: readonly Label[] | undefined },
  by: By,
): Outcome {
  const number = state.version + 1
  const version: VersionState = {
    ...target,
    version: number,
    changeType: 'rollback',
    changeSummary: input.reason ?? `Rollback to version ${target.version}`,
    metadata: { rollbackOf: target.version },
    createdBy: by.actor,
    createdAt: by.at,
  }
  const moves = [...new Set(input.labels)].map((label) => ({
    label,
    from: standsOn(state.labels, label),
    to: number,
    reason: input.reason ?? null,
  }))
  const labels = { ...state.labels, ...Object.fromEntries(moves.map(({ label }) => [label, number])) }
  const next: State = { ...touched(state, by), version: number, checksum: version.checksum, type: target.body.type, labels }
  const events = [
    versionCreated(next.id, toldOf(next, version)),
    ...moves.map(({ label, from }) => labelMoved(next.id, { ...called(next), label, from, to: number })),
  ]
  return { next, version, moves, events }
}

/** Take a prompt out of reads and lists; its history stays. */
export const deletePrompt = (state: State, by: By): Outcome => {
  const next = { ...touched(state, by), deletedAt: by.at }
  return { next, events: [promptDeleted(next.id, called(next))] }
}

export const restorePrompt = (state: State, by: By): Outcome => {
  if (state.deletedAt === null) return { next: state, events: [] }
  const next = { ...touched(state, by), deletedAt: null }
  return { next, events: [promptRestored(next.id, called(next))] }
}

/** Move a label, or take it away (`to` null). */
export function moveLabel(state: State, move: { label: Label; to: VersionNumber | null; reason?: string | undefined }, by: By): Outcome {
  const { label, to } = move
  const from = standsOn(state.labels, label)
  if (from === to) return { next: state, events: [] }
  const { [label]: _gone, ...others } = state.labels
  const next: State = { ...touched(state, by), labels: to === null ? others : { ...others, [label]: to } }
  return {
    next,
    moves: [{ label, from, to, reason: move.reason ?? null }],
    events: [labelMoved(next.id, { ...called(next), label, from, to })],
  }
}
