import { Type } from 'typebox'
import type { Ctx } from '../../../core/context.ts'
import { type AnyEndpoint, endpoint } from '../../../core/endpoint.ts'
import { ExpressionInvalid } from '../../../core/expressions.ts'
import { type Operation, untilOver } from '../../../core/operation.ts'
import { Id, PageOf, PageQuery, Strict } from '../../../core/schemas.ts'
import type { AutomationParts } from '../commands/automations-parts.ts'
import { cancelRun, confirmRun, startRun, tryRule } from '../commands/automations-runs.ts'
import { RuleInput } from '../model/automations.ts'
import {
  AutomationChanged,
  AutomationInvalid,
  AutomationNotFound,
  MetricsUnavailable,
  NothingToConfirm,
  RunGoesOn,
  RunNotFound,
  RunOver,
} from '../model/automations-failures.ts'
import { AutomationRun, Outcome, OutcomeKind, RunStatus, Trigger } from '../model/automations-runs.ts'
import { ScheduleInvalid } from '../model/automations-schedule.ts'
import { getRun, listOutcomes, listRuns } from '../queries/automations.ts'

const RunId = Strict({ runId: Id })
const { limit, cursor } = PageQuery
const location = ({ id }: AutomationRun) => `/lifecycle/automations/runs/${id}`
/** A run that asks for its confirmation is over for whoever waits. */
const awaited = (run: AutomationRun, waitMs: number, ctx: Ctx) =>
  untilOver(() => getRun(run, ctx) as Promise<AutomationRun & Operation>, waitMs)

const looking: AnyEndpoint[] = [
  endpoint({
    name: 'lifecycle.automationRuns',
    method: 'GET',
    path: '/lifecycle/automations/runs',
    access: 'lifecycle:read',
    summary: 'List the runs of rules in the last ninety days, newest first',
    query: Strict({
      automationId: Type.Optional(Type.String({ ...Id, description: 'Of this rule alone' })),
      status: Type.Optional(RunStatus),
      trigger: Type.Optional(Trigger),
      limit,
      cursor,
    }),
    reply: PageOf(AutomationRun),
    handle: ({ query }, ctx) => listRuns(query, ctx),
  }),
  endpoint({
    name: 'lifecycle.automationRun',
    method: 'GET',
    path: '/lifecycle/automations/runs/:runId',
    access: 'lifecycle:read',
    summary: 'Get one run: the rule as it was, and what came of it',
    params: RunId,
    reply: AutomationRun,
    errors: [RunNotFound],
    handle: ({ params: { runId: id } }, ctx) => getRun({ id }, ctx),
  }),
  endpoint({
    name: 'lifecycle.automationOutcomes',
    method: 'GET',
    path: '/lifecycle/automations/runs/:runId/outcomes',
    access: 'lifecycle:read',
    summary: 'List what became of the prompts that a run found, each with its problem',
    params: RunId,
    query: Strict({ outcome: Type.Optional(OutcomeKind), limit, cursor }),
    reply: PageOf(Outcome),
    errors: [RunNotFound],
    handle: ({ params: { runId: id }, query }, ctx) => listOutcomes({ id, ...query }, ctx),
  }),
]

const running = ({ expressions }: Pick<AutomationParts, 'expressions'>): AnyEndpoint[] => [
  endpoint({
    name: 'lifecycle.runAutomation',
    method: 'POST',
    path: '/lifecycle/automations/:id/run',
    access: 'automations:write',
    summary: 'Run a rule now, or try what it would do; it acts with the rights of whoever saved it',
    params: Strict({ id: Id }),
    body: Strict({
      dryRun: Type.Optional(
        Type.Boolean({ description: 'Change nothing: the first 200 prompts that it finds are tried, and say what would stand in the way' }),
      ),
      reason: Type.Optional(Type.String({ minLength: 1, maxLength: 2000, description: 'Why; kept with the run' })),
    }),
    status: 202,
    reply: AutomationRun,
    errors: [AutomationNotFound, RunGoesOn],
    location,
    awaited,
    handle: async ({ params, body }, ctx) => getRun({ id: await startRun({ ...params, ...body }, ctx) }, ctx),
  }),
  endpoint({
    name: 'lifecycle.dryRunAutomation',
    method: 'POST',
    path: '/lifecycle/automations/dry-run',
    access: 'automations:write',
    summary: 'Try a rule without saving it: what it would do, with your rights',
    body: Strict({ rule: Type.Unsafe<RuleInput>({ ...RuleInput, description: 'The rule' }) }),
    status: 202,
    reply: AutomationRun,
    errors: [ExpressionInvalid, MetricsUnavailable, ScheduleInvalid, AutomationInvalid],
    location,
    awaited,
    handle: async ({ body }, ctx) => getRun({ id: await tryRule(expressions)(body, ctx) }, ctx),
  }),
  endpoint({
    name: 'lifecycle.confirmAutomationRun',
    method: 'POST',
    path: '/lifecycle/automations/runs/:runId/confirm',
    access: 'automations:write',
    summary: 'Let a run that found more prompts than its limit go on with exactly these, as far as they still match',
    params: RunId,
    status: 202,
    reply: AutomationRun,
    errors: [RunNotFound, NothingToConfirm, AutomationChanged, AutomationNotFound],
    location,
    awaited,
    handle: async ({ params: { runId: id } }, ctx) => getRun({ id: await confirmRun({ id }, ctx) }, ctx),
  }),
  endpoint({
    name: 'lifecycle.cancelAutomationRun',
    method: 'POST',
    path: '/lifecycle/automations/runs/:runId/cancel',
    access: 'automations:write',
    summary: 'End a run, or turn down one that asks for confirmation; what it has done stays done',
    params: RunId,
    reply: AutomationRun,
    errors: [RunNotFound, RunOver],
    handle: async ({ params: { runId: id } }, ctx) => getRun({ id: await cancelRun({ id }, ctx) }, ctx),
  }),
]

/** Runs of rules: started, looked at, confirmed, ended. */
export const automationRuns = (parts: Pick<AutomationParts, 'expressions'>): AnyEndpoint[] => [...looking, ...running(parts)]
