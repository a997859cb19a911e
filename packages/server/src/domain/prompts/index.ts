import { defineModule, type Module } from '../../core/module.ts'
import { purgeFormerNames } from './jobs.ts'
import type { Serving } from './queries/serving.ts'
import { manage } from './routes/manage.ts'
import { serving } from './routes/serve.ts'
import { versions } from './routes/versions.ts'

/** Prompts: their text, versions, labels, and how they are served. */
export const prompts = (store: Serving): Module =>
  defineModule({ name: 'prompts', endpoints: [...manage, ...versions, ...serving(store)], jobs: [purgeFormerNames] })

export { hotPath } from './hot-path.ts'
export { describeKey, promptTag } from './model/serving-keys.ts'
export { PromptItem } from './model/shapes.ts'
export { listPrompts } from './queries/list-prompts.ts'
export { findPrompts, promptKeys, searchSources } from './queries/search-sources.ts'
export { createServing, type Serving } from './queries/serving.ts'
