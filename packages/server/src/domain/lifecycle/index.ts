import type { Acting } from '../../core/acting.ts'
import { defineModule, type Module } from '../../core/module.ts'
import type { AutomationParts } from './commands/automations-parts.ts'
import { purge, reviveRuns, runDue } from './commands/automations-runs.ts'
import { workOnRun } from './commands/automations-work.ts'
import { dismissApprovals, forgetText } from './commands/follow-prompts.ts'
import { notePublishFailure, type Publishing, publishDue } from './commands/publish-review.ts'
import { automationJobs } from './jobs/automations.ts'
import { publishDueReviews } from './jobs/publish-due.ts'
import { automationEvents } from './model/automations-failures.ts'
import { glassBroken, policyChanged, policyRemoved } from './model/policies.ts'
import { reviewEvents } from './model/review-views.ts'
import { automationRuns } from './routes/automation-runs.ts'
import { automations } from './routes/automations.ts'
import { routes } from './routes/moves.ts'
import { policyRoutes } from './routes/policies.ts'
import { reviewRoutes } from './routes/reviews.ts'

/**
 * Lifecycle: which status a prompt has, where it can go from there, how it came there, what policies ask of it, reviews, and
 * the rules that move prompts by themselves.
 */
export const lifecycle = (parts: Acting & Publishing & AutomationParts): Module =>
  defineModule({
    name: 'lifecycle',
    endpoints: [...routes(parts.policies), ...policyRoutes, ...reviewRoutes(parts), ...automations(parts), ...automationRuns(parts)],
    jobs: [
      publishDueReviews({ ...parts, publish: publishDue(parts), fail: notePublishFailure }),
      ...automationJobs({ due: runDue(parts), revive: reviveRuns(parts), run: workOnRun(parts), purge }),
    ],
    events: [policyChanged, policyRemoved, glassBroken, ...Object.values(reviewEvents), ...automationEvents],
    on: { 'prompt.version_created': dismissApprovals, 'prompt.redacted': forgetText },
  })

export { createPolicies } from './policies.ts'
