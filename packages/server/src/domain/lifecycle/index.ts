import { defineModule, type Module } from '../../core/module.ts'
import { glassBroken, policyChanged, policyRemoved } from './model/policies.ts'
import type { Policies } from './policies.ts'
import { routes } from './routes/moves.ts'
import { policyRoutes } from './routes/policies.ts'

/** Lifecycle: which status a prompt has, where it can go from there, how it came there, and what policies ask of it. */
export const lifecycle = ({ policies }: { policies: Policies }): Module =>
  defineModule({
    name: 'lifecycle',
    endpoints: [...routes(policies), ...policyRoutes],
    events: [policyChanged, policyRemoved, glassBroken],
  })

export { createPolicies } from './policies.ts'
