import { defineModule, type Module } from '../../core/module.ts'
import { purgeFormerNames } from './jobs.ts'
import type { LabelGate } from './model/gates.ts'
import type { Serving } from './queries/serving.ts'
import { manage } from './routes/manage.ts'
import { serving } from './routes/serve.ts'
import { versions } from './routes/versions.ts'

/** Prompts: their text, versions, labels, and how they are served. */
export const prompts = (store: Serving, gate: LabelGate): Module =>
  defineModule({ name: 'prompts', endpoints: [...manage(gate), ...versions(gate), ...serving(store)], jobs: [purgeFormerNames] })

export { hotPath } from './hot-path.ts'
export { describeKey, promptTag } from './model/serving-keys.ts'
export { categoryOf, labelsInUse } from './queries/facts.ts'
export { listPrompts } from './queries/list-prompts.ts'
export { createServing, type Serving } from './queries/serving.ts'
