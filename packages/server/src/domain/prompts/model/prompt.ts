import { AppError, type FieldError } from '../../../core/errors.ts'
import type { DomainEvent } from '../../../core/events.ts'
import { unprocessable } from '../../../core/problem.ts'
import { bodyChecksum } from './checksum.ts'
import { assertObjectSize, type BodyInput, makeBody, type Warning } from './content.ts'
import { labelMoved, promptCreated, promptDeleted, promptForked, promptRestored, promptUpdated, versionCreated } from './events.ts'
import { FieldReadOnly } from './failures.ts'
import { firstLabels } from './labels.ts'
import type { Body, Content, Engine, Label, Prompt, Variable, VariableInput, VersionNumber } from './shapes.ts'
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
  revision: number
  parent: Prompt['parent']
  createdBy: string
  createdAt: string
  updatedAt: string
  deletedAt: string | null
  labels: Readonly<Record<Label, VersionNumber>>
}>

/** A version: never changes. */
export type VersionState = Readonly<{
  version: VersionNumber
  body: Body
  checksum: string
  changeSummary: string | null
  changeType: 'create' | 'update' | 'rollback' | 'fork'
  metadata: Readonly<Record<string, unknown>>
  createdBy: string
  createdAt: string
}>

export type Move = Readonly<{ label: Label; from: VersionNumber | null; to: VersionNumber | null; reason: string | null }>

/** What follows from a rule: the next state, what is to be stored beside it, and what is told. */
export type Outcome = Readonly<{
  next: State
  version?: VersionState
  includes?: readonly IncludeRef[]
  moves?: readonly Move[]
  /** The name it had until now, which goes on serving. */
  formerName?: Readonly<{ category: string; name: string }>
  events: readonly DomainEvent[]
  warnings?: readonly Warning[]
}>

/** Who does it, and when. */
export type By = Readonly<{ actor: string; at: string }>

const called = ({ category, name }: Pick<State, 'category' | 'name'>) => ({ category, name })

export type NewPrompt = BodyInput &
  Readonly<{
    category?: string | undefined
    description?: string | undefined
    tags?: readonly string[] | undefined
    metadata?: Readonly<Record<string, unknown>> | undefined
    isTemplate?: boolean | undefined
    labels?: readonly Label[] | Readonly<Record<Label, number>> | undefined
    changeSummary?: string | undefined
    versionMetadata?: Readonly<Record<string, unknown>> | undefined
  }>

/** A new prompt with its first version. Pure: says what follows, does nothing. */
export function createPrompt(input: NewPrompt, made: Readonly<{ id: string; name: string; parent?: Prompt['parent'] }>, by: By): Outcome {
  const { body, includes, warnings } = makeBody(input)
  assertObjectSize('metadata', input.metadata)
  assertObjectSize('versionMetadata', input.versionMetadata)
  const labels = firstLabels(input.labels)
  const parent = made.parent ?? null
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
    category: input.category ?? 'general',
    name: made.name,
    description: input.description ?? '',
    type: body.type,
    tags: [...new Set(input.tags)],
    metadata: input.metadata ?? {},
    isTemplate: input.isTemplate ?? false,
    status: 'draft',
    version: 1,
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
  return { next, version, includes, moves, events, warnings }
}

/** A field that is absent stays, `null` clears it. */
export type Change = Readonly<{
  name?: string | undefined
  category?: string | null | undefined
  description?: string | null | undefined
  tags?: readonly string[] | null | undefined
  metadata?: Readonly<Record<string, unknown>> | null | undefined
  isTemplate?: boolean | null | undefined
  type?: Body['type'] | undefined
  engine?: Engine | null | undefined
  content?: Content | undefined
  variables?: readonly VariableInput[] | null | undefined
  config?: Readonly<Record<string, unknown>> | null | undefined
  changeSummary?: string | null | undefined
  versionMetadata?: Readonly<Record<string, unknown>> | undefined
}>

/** Change any field; another body makes a new version, the same body none. */
export function changePrompt(state: State, newest: VersionState, change: Change, by: By): Outcome {
  assertObjectSize('metadata', change.metadata)
  assertObjectSize('versionMetadata', change.versionMetadata)
  const drafted = draftVersion(state, newest, change, by)
  const fields: Partial<State> = {
    ...given('name', change.name),
    ...given('category', change.category, 'general'),
    ...given('description', change.description, ''),
    ...given('tags', change.tags && [...new Set(change.tags)], []),
    ...given('metadata', change.metadata, {}),
    ...given('isTemplate', change.isTemplate, false),
  }
  const changed = (Object.keys(fields) as (keyof State)[]).filter((key) => JSON.stringify(fields[key]) !== JSON.stringify(state[key]))
  if (!drafted.version && changed.length === 0) return { next: state, events: [], warnings: drafted.warnings }
  const { version } = drafted
  const next: State = { ...touched({ ...state, ...fields }, by), ...(version && { version: version.version, type: version.body.type }) }
  const renamed = next.name !== state.name || next.category !== state.category
  const events = [
    ...(version ? [versionCreated(next.id, { ...called(next), version: version.version, checksum: version.checksum, changeType: version.changeType })] : []),
    ...(changed.length > 0 ? [promptUpdated(next.id, { ...called(next), fields: changed, ...(renamed && { previous: called(state) }) })] : []),
  ]
  return {
    next,
    ...(version && { version, includes: drafted.includes }),
    ...(renamed && { formerName: called(state) }),
    events,
    warnings: drafted.warnings,
  }
}

const given = <K extends string, V>(key: K, value: V | null | undefined, cleared?: V): Record<K, V> | Record<never, V> =>
  value === undefined ? {} : ({ [key]: value ?? cleared } as Record<K, V>)

/** The version a change would make; none when its checksum is that of the newest. */
function draftVersion(state: State, newest: VersionState, change: Change, by: By): { version?: VersionState; includes: readonly IncludeRef[]; warnings: readonly Warning[] } {
  const { content, variables, engine, config, type } = change
  if (content === undefined && variables === undefined && engine === undefined && config === undefined && type === undefined) return { includes: [], warnings: [] }
  const kept: readonly Variable[] | undefined = variables === null ? undefined : newest.body.variables
  const made = makeBody({
    type,
    engine: engine === null ? undefined : (engine ?? keptEngine(newest.body.engine, content)),
    content: content ?? newest.body.content,
    variables: variables ?? (content === undefined || variables === null ? kept : declaredByHand(newest.body, content)),
    config: config === null ? {} : (config ?? newest.body.config),
  })
  const checksum = bodyChecksum(made.body)
  if (checksum === newest.checksum) return { includes: [], warnings: made.warnings }
  const version: VersionState = {
    version: state.version + 1,
    body: made.body,
    checksum,
    changeSummary: change.changeSummary ?? null,
    changeType: 'update',
    metadata: change.versionMetadata ?? {},
    createdBy: by.actor,
    createdAt: by.at,
  }
  return { version, includes: made.includes, warnings: made.warnings }
}

/** New content under mustache may not parse as it; then it is kept as plain text, with a warning, as at creation. */
const keptEngine = (engine: Engine, content: Content | undefined): Engine | undefined => (engine === 'mustache' && content !== undefined ? undefined : engine)

/** With new content, variables that had only been derived from the old one are derived anew; what somebody described stays. */
function declaredByHand(body: Body, content: Content): Variable[] {
  const derived = new Map(makeBody({ engine: body.engine, content: body.content }).body.variables.map((v) => [v.name, JSON.stringify(v)]))
  const still = new Set(makeBody({ ...(body.engine === 'mustache' ? {} : { engine: body.engine }), content }).body.variables.map(({ name }) => name))
  return body.variables.filter((v) => still.has(v.name) || derived.get(v.name) !== JSON.stringify(v))
}

/** The next revision of a prompt. */
export const touched = (state: State, by: By): State => ({ ...state, revision: state.revision + 1, updatedAt: by.at })

/** A new version equal to an earlier one, with the named labels moved to it. History is never rewritten. */
export function rollbackVersion(state: State, target: VersionState, input: { reason?: string | undefined; labels?: readonly Label[] | undefined }, by: By): Outcome {
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
  const moves = [...new Set(input.labels)].map((label) => ({ label, from: state.labels[label] ?? null, to: number, reason: input.reason ?? null }))
  const labels = { ...state.labels, ...Object.fromEntries(moves.map(({ label }) => [label, number])) }
  const next: State = { ...touched(state, by), version: number, type: target.body.type, labels }
  const events = [
    versionCreated(next.id, { ...called(next), version: number, checksum: version.checksum, changeType: 'rollback' }),
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
  const from = state.labels[label] ?? null
  if (from === to) return { next: state, events: [] }
  const { [label]: _gone, ...others } = state.labels
  const next: State = { ...touched(state, by), labels: to === null ? others : { ...others, [label]: to } }
  return {
    next,
    moves: [{ label, from, to, reason: move.reason ?? null }],
    events: [labelMoved(next.id, { ...called(next), label, from, to })],
  }
}

/** Fields that GET shows and PUT cannot change. Those that merely grow may come back stale: late writers do not fail. */
const readOnly = ['id', 'status', 'labels', 'parent', 'createdBy', 'createdAt'] as const

/** @throws FieldReadOnly (422) when a read-only field was sent with another value than it has */
export function assertReadOnlyUnchanged(prompt: Prompt, sent: Readonly<Record<string, unknown>>): void {
  const errors: FieldError[] = readOnly
    .filter((field) => sent[field] !== undefined && !sameJson(sent[field], prompt[field]))
    .map((field) => ({ pointer: `/${field}`, code: 'field.read_only', detail: adviceFor(field) }))
  if (errors.length > 0) throw new AppError(FieldReadOnly, errors[0]!.detail, { errors })
}

const adviceFor = (field: (typeof readOnly)[number]): string =>
  field === 'labels' ? 'Labels are moved by PUT /prompts/{id}/labels/{label}.' : `"${field}" cannot be changed; leave it out, or send it back as it was read.`

const sameJson = (a: unknown, b: unknown): boolean => {
  const sorted = (value: unknown) =>
    JSON.stringify(value, (_key, v) => (v && typeof v === 'object' && !Array.isArray(v) ? Object.fromEntries(Object.entries(v).sort(([x], [y]) => (x < y ? -1 : 1))) : v))
  return sorted(a) === sorted(b)
}

/** @throws 422 when a name was sent as null */
export const requireName = (name: string | null | undefined): string | undefined => {
  if (name === null) throw unprocessable(FieldReadOnly, '/name', 'name.needed', 'A prompt needs a name; leave the field out to keep the one it has.')
  return name
}
