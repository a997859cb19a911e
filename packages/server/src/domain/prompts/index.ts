import { defineModule, type Module } from '../../core/module.ts'
import { purgeFormerNames, purgeRedacted } from './jobs.ts'
import type { UseDrift } from './model/drift-in-use.ts'
import { promptEvents } from './model/events.ts'
import type { Gates } from './model/gates.ts'
import type { Overlay } from './model/overlay.ts'
import type { Lint } from './model/suggestions.ts'
import type { Serving } from './queries/serving.ts'
import { insight } from './routes/insight.ts'
import { manage } from './routes/manage.ts'
import { redaction } from './routes/redaction.ts'
import { serving } from './routes/serve.ts'
import { versions } from './routes/versions.ts'

/** Prompts: their text, versions, labels, and how they are served. @param neighbours.gates says which labels are held and what policies forbid; `lint` looks for faults in a prompt; `driftInUse` tells how its use has changed; `overlay` which test runs on a label */
export const prompts = (
  store: Serving,
  { gates, lint, driftInUse, overlay }: { gates: Gates; lint: Lint; driftInUse: UseDrift; overlay: Overlay },
): Module =>
  defineModule({
    name: 'prompts',
    endpoints: [...manage(gates), ...versions(gates), ...redaction, ...insight(lint, driftInUse), ...serving(store, overlay)],
    events: promptEvents,
    jobs: [purgeFormerNames, purgeRedacted(store.forget)],
  })

export { changePrompt } from './commands/change-prompt.ts'
export { createMany } from './commands/create-many.ts'
export { createPrompt } from './commands/create-prompt.ts'
export { revertLabel, setLabel } from './commands/labels.ts'
export { deletePrompt } from './commands/lifetime.ts'
export { changeByMove, setStanding } from './commands/set-standing.ts'
export { changeByPlan, findVersion, lockSubject, noteApprovals, type Subject } from './commands/subject.ts'
export { hotPath } from './hot-path.ts'
export { VersionDiff } from './model/diff.ts'
export { DriftInUse, type DriftWindows, driftWindows, type UseDrift } from './model/drift-in-use.ts'
export {
  LabelMoved,
  LabelNotFound,
  LabelProtected,
  PolicyBlocked,
  PromptNotFound,
  VersionNotFound,
  VersionRedacted,
} from './model/failures.ts'
export type { Gates, PolicyGate, ServedChange } from './model/gates.ts'
export type { Overlay } from './model/overlay.ts'
export { ServedPrompt } from './model/served.ts'
export { servingErrors } from './model/serving-errors.ts'
export { describeKey, promptTag } from './model/serving-keys.ts'
export { BreakGlass, PromptItem, Tag } from './model/shapes.ts'
export type { Standee } from './model/standing.ts'
export { lintSubject } from './model/suggestions.ts'
export { countTokens } from './model/tokens.ts'
export type { Values } from './model/variables.ts'
export { countLive, type ExaminedPrompt, examinePrompts } from './queries/examine.ts'
export { categoryOf, labelsInUse } from './queries/facts.ts'
export { attributesInQuery, fillServed, valuesInQuery } from './queries/fill.ts'
export { diffOf } from './queries/history.ts'
export { listIds, listPrompts } from './queries/list-prompts.ts'
export { type MeasuredPrompt, measuredById, measuredByName, promptFacts, type VersionShape, versionShapes } from './queries/measured.ts'
export { allPrompts, findTexts, includedPrompts, livePrompts, promptsNearby, sharedTags } from './queries/neighbours.ts'
export { findPinnable, type Pinnable } from './queries/pinnable.ts'
export { findPrompts, promptKeys, searchSources } from './queries/search-sources.ts'
export { createServing, type Served, type Serving } from './queries/serving.ts'
export { countByStatus, findStanding, findStandings, findVisible } from './queries/standing.ts'
export { ChangePrompt, CreatePrompt, ListQuery } from './routes/schemas.ts'
export { followersOf } from './store/include-store.ts'
export { lockTags } from './store/lock-many.ts'
export { createUseRecorder } from './use-recorder.ts'
