import { defineModule, type Module } from '../../core/module.ts'
import type { AutomationParts } from './commands/automations-parts.ts'
import { purge, reviveRuns, runDue } from './commands/automations-runs.ts'
import { workOnRun } from './commands/automations-work.ts'
import { automationJobs } from './jobs/automations.ts'
import { automationEvents } from './model/automations-failures.ts'
import { automationRuns } from './routes/automation-runs.ts'
import { automations } from './routes/automations.ts'
import { routes } from './routes/moves.ts'

/** Lifecycle: which status a prompt has, where it can go from there, how it came there, and the rules that move it by themselves. */
export const lifecycle = (parts: AutomationParts): Module =>
  defineModule({
    name: 'lifecycle',
    endpoints: [...routes, ...automations(parts), ...automationRuns(parts)],
    jobs: automationJobs({ due: runDue(parts), revive: reviveRuns(parts), run: workOnRun(parts), purge }),
    events: automationEvents,
  })
