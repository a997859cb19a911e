import { defineModule, type Module } from '../../core/module.ts'
import { routes } from './routes.ts'

/** Experiments with prompts: for now their statistics, and the rule by which a change of weights moves units. */
export const abTesting: Module = defineModule({ name: 'ab-testing', endpoints: routes })
