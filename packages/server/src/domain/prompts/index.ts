import { defineModule, type Module } from '../../core/module.ts'
import { purgeFormerNames, purgeRedacted } from './jobs.ts'
import type { LabelGate } from './model/gates.ts'
import type { Lint } from './model/suggestions.ts'
import type { Serving } from './queries/serving.ts'
import { insight } from './routes/insight.ts'
import { manage } from './routes/manage.ts'
import { redaction } from './routes/redaction.ts'
import { serving } from './routes/serve.ts'
import { versions } from './routes/versions.ts'

/** Prompts: their text, versions, labels, and how they are served. @param neighbours.gate says which labels are held; `lint` looks for faults in a prompt */
export const prompts = (store: Serving, { gate, lint }: { gate: LabelGate; lint: Lint }): Module =>
  defineModule({
    name: 'prompts',
    endpoints: [...manage(gate), ...versions(gate), ...redaction, ...insight(lint), ...serving(store)],
    jobs: [purgeFormerNames, purgeRedacted(store.forget)],
  })

export { setStanding } from './commands/set-standing.ts'
export { hotPath } from './hot-path.ts'
export { PromptNotFound } from './model/failures.ts'
export { describeKey, promptTag } from './model/serving-keys.ts'
export { PromptItem } from './model/shapes.ts'
export type { Standee } from './model/standing.ts'
export { countTokens } from './model/tokens.ts'
export { categoryOf, labelsInUse } from './queries/facts.ts'
export { listPrompts } from './queries/list-prompts.ts'
export { type MeasuredPrompt, measuredById, measuredByName, promptFacts } from './queries/measured.ts'
export { allPrompts, findTexts, includedPrompts, livePrompts, promptsNearby, sharedTags } from './queries/neighbours.ts'
export { findPrompts, promptKeys, searchSources } from './queries/search-sources.ts'
export { createServing, type Serving } from './queries/serving.ts'
export { countByStatus, findStanding, findStandings, findVisible } from './queries/standing.ts'
export { ListQuery } from './routes/schemas.ts'
export { followersOf } from './store/include-store.ts'
