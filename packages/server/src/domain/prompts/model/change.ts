import { AppError, type FieldError } from '../../../core/errors.ts'
import { bodyChecksum, sameJson } from './checksum.ts'
import { assertObjectSize, type MadeBody, makeBody, parseContent, type Warning } from './content.ts'
import { promptUpdated, versionCreated } from './events.ts'
import { FieldReadOnly } from './failures.ts'
import { type By, called, defaultCategory, type Outcome, type State, toldOf, touched, type VersionState } from './prompt.ts'
import { assertNotRedacted } from './redaction.ts'
import type { Body, Content, Engine, Prompt, Variable, VariableInput } from './shapes.ts'
import type { IncludeRef } from './templates/index.ts'
import { completeVariables } from './variables.ts'

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
  const { version, includes, warnings } = draftVersion(state, newest, change, by)
  const fields = changedFields(state, change)
  const changed = Object.keys(fields)
  if (!version && changed.length === 0) return { next: state, events: [], warnings }
  const next: State = {
    ...touched({ ...state, ...fields }, by),
    ...(version && { version: version.version, checksum: version.checksum, type: version.body.type }),
  }
  const renamed = next.name !== state.name || next.category !== state.category
  return {
    next,
    ...(version && { version }),
    ...(includes && { includes }),
    ...(renamed && { formerName: called(state) }),
    events: [
      ...(version ? [versionCreated(next.id, toldOf(next, version))] : []),
      ...(changed.length > 0
        ? [promptUpdated(next.id, { ...called(next), fields: changed, ...(renamed && { previous: called(state) }) })]
        : []),
    ],
    warnings,
  }
}

/** The fields of the prompt itself (not of its version) that get another value. */
function changedFields(state: State, { name, category, description, tags, metadata, isTemplate }: Change): Partial<State> {
  const wanted: Partial<State> = {
    ...(name !== undefined && { name }),
    ...(category !== undefined && { category: category ?? defaultCategory }),
    ...(description !== undefined && { description: description ?? '' }),
    ...(tags !== undefined && { tags: [...new Set(tags)] }),
    ...(metadata !== undefined && { metadata: metadata ?? {} }),
    ...(isTemplate !== undefined && { isTemplate: isTemplate ?? false }),
  }
  return Object.fromEntries(Object.entries(wanted).filter(([key, value]) => !sameJson(value, state[key as keyof State])))
}

type Draft = Readonly<{ version?: VersionState; includes?: readonly IncludeRef[]; warnings: readonly Warning[] }>

/** The version a change would make; none when its checksum is that of the newest. */
function draftVersion(state: State, newest: VersionState, change: Change, by: By): Draft {
  if (newest.redaction && change.content === undefined) return keepRedacted(newest, change)
  const { body, includes, warnings } = changeBody(newest.body, change)
  const checksum = bodyChecksum(body)
  if (checksum === newest.checksum) return { warnings }
  const version: VersionState = {
    version: state.version + 1,
    body,
    checksum,
    changeSummary: change.changeSummary ?? null,
    changeType: 'update',
    metadata: change.versionMetadata ?? {},
    createdBy: by.actor,
    createdAt: by.at,
  }
  const sameText = body.engine === newest.body.engine && sameJson(body.content, newest.body.content)
  return { version, ...(!sameText && { includes }), warnings }
}

/** Nothing but a new content can be made of a version whose text is gone. @throws VersionRedacted (410) */
function keepRedacted(newest: VersionState, { type, engine, variables, config }: Change): Draft {
  if ([type, engine, variables, config].some((part) => part !== undefined)) assertNotRedacted(newest)
  return { warnings: [] }
}

export type BodyChange = Pick<Change, 'type' | 'engine' | 'content' | 'variables' | 'config'>

/** A body with some parts replaced. What is sent as it was counts as not sent, so variables follow a content that is edited alone. */
export function changeBody(body: Body, change: BodyChange): MadeBody {
  const content = change.content === undefined || sameJson(change.content, body.content) ? undefined : change.content
  const variables = sameJson(change.variables, body.variables) ? undefined : change.variables
  return makeBody({
    type: change.type,
    engine: change.engine === null ? undefined : (change.engine ?? keptEngine(body.engine, content)),
    content: content ?? body.content,
    variables: variables === null ? undefined : (variables ?? (content === undefined ? body.variables : declaredIn(body))),
    config: change.config === null ? {} : (change.config ?? body.config),
  })
}

/** New content under mustache may not parse as it; then it is kept as plain text, with a warning, as at creation. */
const keptEngine = (engine: Engine, content: Content | undefined): Engine | undefined =>
  engine === 'mustache' && content !== undefined ? undefined : engine

/** The variables of a version that somebody described; those that are as its content alone would have them follow the content. */
function declaredIn({ engine, content, variables }: Body): Variable[] {
  const derived = new Map(completeVariables([], parseContent(engine, content)).map((variable) => [variable.name, variable]))
  return variables.filter((variable) => !sameJson(variable, derived.get(variable.name)))
}

/** Fields that GET shows and PUT cannot change: some never change, the others change with the prompt. */
const fixed = ['id', 'parent', 'createdBy', 'createdAt'] as const
const moving = ['status', 'labels', 'version', 'checksum', 'updatedAt', 'revision'] as const

/** True when a body was read before the prompt's last change: what it says of moving fields is old, not wrong. */
const isStale = (prompt: Prompt, { revision }: Readonly<Record<string, unknown>>): boolean =>
  Number.isInteger(revision) && Number(revision) >= 1 && Number(revision) < prompt.revision

/**
 * @param prompt as GET shows it now, with the version that was sent
 * @throws FieldReadOnly (422) naming each read-only field that was sent with another value than it has
 */
export function assertReadOnlyUnchanged(prompt: Prompt, sent: Readonly<Record<string, unknown>>): void {
  const watched = isStale(prompt, sent) ? fixed : [...fixed, ...moving]
  const errors: FieldError[] = watched
    .filter((field) => sent[field] !== undefined && !sameJson(sent[field], prompt[field]))
    .map((field) => ({ pointer: `/${field}`, code: 'field.read_only', detail: adviceFor(field) }))
  if (errors.length > 0) throw new AppError(FieldReadOnly, errors.map(({ detail }) => detail).join(' '), { errors })
}

const adviceFor = (field: string): string =>
  field === 'labels'
    ? 'Labels are moved by PUT /prompts/{id}/labels/{label}.'
    : field === 'status'
      ? 'The status is moved by PUT /prompts/{id}/lifecycle.'
      : `"${field}" cannot be changed; leave it out, or send it back as it was read.`
