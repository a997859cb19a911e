import { defineModule, type Module } from '../../core/module.ts'
import { purgeFormerNames, purgeRedacted } from './jobs.ts'
import type { Serving } from './queries/serving.ts'
import { manage } from './routes/manage.ts'
import { redaction } from './routes/redaction.ts'
import { serving } from './routes/serve.ts'
import { versions } from './routes/versions.ts'

/** Prompts: their text, versions, labels, and how they are served. */
export const prompts = (store: Serving): Module =>
  defineModule({
    name: 'prompts',
    endpoints: [...manage, ...versions, ...redaction, ...serving(store)],
    jobs: [purgeFormerNames, purgeRedacted(store.forget)],
  })

export { hotPath } from './hot-path.ts'
export { describeKey, promptTag } from './model/serving-keys.ts'
export { listPrompts } from './queries/list-prompts.ts'
export { createServing, type Serving } from './queries/serving.ts'
