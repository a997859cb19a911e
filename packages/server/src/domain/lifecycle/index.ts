import { defineModule, type Module } from '../../core/module.ts'
import { dismissApprovals, forgetText } from './commands/follow-prompts.ts'
import { notePublishFailure, type Publishing, publishDue } from './commands/publish-review.ts'
import { type Due, publishDueReviews } from './jobs/publish-due.ts'
import { glassBroken, policyChanged, policyRemoved } from './model/policies.ts'
import { reviewEvents } from './model/review-views.ts'
import { routes } from './routes/moves.ts'
import { policyRoutes } from './routes/policies.ts'
import { reviewRoutes } from './routes/reviews.ts'

/**
 * Lifecycle: which status a prompt has, where it can go from there, how it came there, what policies ask of it, and reviews.
 * @param neighbours.setLabel of prompts; `contextFor` for what was planned earlier, as whoever planned it
 */
export const lifecycle = ({ contextFor, ...publishing }: Publishing & Pick<Due, 'contextFor'>): Module =>
  defineModule({
    name: 'lifecycle',
    endpoints: [...routes(publishing.policies), ...policyRoutes, ...reviewRoutes(publishing)],
    jobs: [publishDueReviews({ contextFor, publish: publishDue(publishing), fail: notePublishFailure })],
    events: [policyChanged, policyRemoved, glassBroken, ...Object.values(reviewEvents)],
    on: { 'prompt.version_created': dismissApprovals, 'prompt.redacted': forgetText },
  })

export { createPolicies } from './policies.ts'
