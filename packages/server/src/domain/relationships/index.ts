import { defineModule, type Module } from '../../core/module.ts'
import { keepDerivation, keepIncludes } from './commands/keep.ts'
import { relationshipEvents } from './model/events.ts'
import type { Sources } from './queries/related.ts'
import { routes } from './routes.ts'

/** How prompts relate to each other. @param sources where `related` learns of use that prompts have in common, and of prompts with alike words */
export const relationships = (sources: Sources): Module =>
  defineModule({
    name: 'relationships',
    endpoints: routes(sources),
    events: relationshipEvents,
    on: { 'prompt.includes_changed': keepIncludes, 'prompt.forked': keepDerivation },
  })

export { replacementsOf } from './queries/list.ts'
