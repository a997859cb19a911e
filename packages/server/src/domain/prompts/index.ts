import { defineModule, type Module } from '../../core/module.ts'
import { purgeFormerNames } from './jobs.ts'
import { manage } from './routes/manage.ts'
import { serving } from './routes/serve.ts'
import { versions } from './routes/versions.ts'
import type { Serving } from './queries/serving.ts'

/** Prompts: their text, versions, labels, and how they are served. */
export const prompts = (store: Serving): Module => defineModule({ name: 'prompts', endpoints: [...manage, ...versions, ...serving(store)], jobs: [purgeFormerNames] })

export { defaultLabel } from './model/labels.ts'
export { describeKey, promptTag, type Wanted } from './model/serving-keys.ts'
export { listPrompts } from './queries/list-prompts.ts'
export { promptEvents } from './model/events.ts'
export { hotPath } from './hot-path.ts'
export { type Caches, createServing, type Serving } from './queries/serving.ts'
