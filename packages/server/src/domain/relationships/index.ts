import { defineModule, type Module } from '../../core/module.ts'
import { keepDerivation, keepIncludes } from './commands/keep.ts'
import type { SharedUse } from './model/related.ts'
import { routes } from './routes.ts'

/** How prompts relate to each other. @param neighbours.sharedUse where `related` learns of use that prompts have in common */
export const relationships = ({ sharedUse }: { sharedUse: readonly SharedUse[] }): Module =>
  defineModule({
    name: 'relationships',
    endpoints: routes(sharedUse),
    on: { 'prompt.includes_changed': keepIncludes, 'prompt.forked': keepDerivation },
  })

export { replacementsOf } from './queries/list.ts'
