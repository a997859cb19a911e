import { Type } from 'typebox'
import { errorKind } from '../../../core/errors.ts'
import { eventType } from '../../../core/events.ts'
import { Strict } from '../../../core/schemas.ts'

export const AutomationNotFound = errorKind({ code: 'automation.not_found', status: 404, title: 'No such automation' })
export const RunNotFound = errorKind({ code: 'automation.run_not_found', status: 404, title: 'No such run of an automation' })
export const AutomationNameTaken = errorKind({ code: 'automation.name_taken', status: 422, title: 'Two automations have one name' })
export const AutomationInvalid = errorKind({ code: 'automation.invalid', status: 422, title: 'The automation makes no sense' })
export const MetricsUnavailable = errorKind({ code: 'automation.metrics_unavailable', status: 422, title: 'Nothing is measured yet' })
export const RunGoesOn = errorKind({ code: 'automation.run_goes_on', status: 409, title: 'A run of the automation goes on' })
export const NothingToConfirm = errorKind({
  code: 'automation.nothing_to_confirm',
  status: 409,
  title: 'The run waits for no confirmation',
})
export const AutomationChanged = errorKind({ code: 'automation.changed_since', status: 409, title: 'The automation is not what it was' })
export const RunOver = errorKind({ code: 'automation.run_over', status: 409, title: 'The run is over' })

const name = Type.String({ description: 'Of the automation' })
const runId = Type.String()
const Count = Type.Integer({ minimum: 0 })

export const automationChanged = eventType(
  'automation.changed',
  Strict({
    name,
    change: Type.Enum(['created', 'updated', 'deleted', 'disabled']),
    reason: Type.Optional(Type.String({ description: 'Why the service turned it off' })),
  }),
  { description: 'An automation was made, changed, deleted, or turned off', promptless: true },
)
export const automationRan = eventType(
  'automation.ran',
  Strict({ name, runId, matched: Count, applied: Count, blocked: Count, skipped: Count, failed: Count }),
  { description: 'A run of an automation is over', promptless: true },
)
export const automationStopped = eventType('automation.stopped', Strict({ name, runId, found: Count, limit: Count }), {
  description: 'An automation found more prompts than its limit, did nothing, and asks for confirmation',
  promptless: true,
})
export const automationFailed = eventType('automation.failed', Strict({ name, runId, error: Type.String() }), {
  description: 'A run of an automation could not go on',
  promptless: true,
})
export const automationNotified = eventType(
  'automation.notified',
  Strict({
    automation: name,
    runId,
    message: Type.String(),
    promptId: Type.String(),
    category: Type.String({ description: 'Of the prompt' }),
    name: Type.String({ description: 'Of the prompt' }),
  }),
  { description: 'An automation has something to say of a prompt' },
)

export const automationEvents = [automationChanged, automationRan, automationStopped, automationFailed, automationNotified]
