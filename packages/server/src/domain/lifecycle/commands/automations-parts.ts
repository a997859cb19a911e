import type { Principal } from '../../../core/access.ts'
import type { Acting } from '../../../core/acting.ts'
import type { Ctx } from '../../../core/context.ts'
import type { Expressions } from '../../../core/expressions.ts'
import type { revertLabel, setLabel } from '../../prompts/index.ts'
import type { Policies } from '../policies.ts'
import type { Run } from '../store/automation-runs.ts'

/** What automations need of others; `app.ts` passes it. */
export type AutomationParts = Acting &
  Readonly<{
    expressions: Expressions
    policies: Policies
    /** With the gates that all moves of labels meet. */
    setLabel: ReturnType<typeof setLabel>
    revertLabel: ReturnType<typeof revertLabel>
  }>

/** The job that works on a run; its payload is `{ runId }`. */
export const runJob = { name: 'lifecycle.run_automation' }

/** Another worker has taken the run over, or it was cancelled: whoever meets this stops without a word. */
export class Superseded extends Error {}

/** A run in somebody's hands. */
export type Work = Readonly<{
  run: Run
  claim: string
  parts: AutomationParts
  /** For the records of the run: as the rule, with no rights. */
  own: Ctx
}>

/** Who acts in the name of a rule; of one that was not saved, its run. */
export const actorOf = ({ automationId, id }: Pick<Run, 'automationId' | 'id'>): string => `automation:${automationId ?? id}`

/** A rule as a principal that may do nothing: it keeps its own records. */
export const ownContext = (parts: AutomationParts, id: string, ctx: Pick<Ctx, 'workspaceId' | 'requestId' | 'traceparent'>): Ctx =>
  contextAs(parts, { id, workspaceId: ctx.workspaceId, permissions: new Set(), instanceAdmin: false }, ctx)

export const contextAs = (parts: AutomationParts, principal: Principal, ctx: Pick<Ctx, 'requestId' | 'traceparent'>): Ctx =>
  parts.contextFor(principal, { requestId: ctx.requestId, ...(ctx.traceparent && { traceparent: ctx.traceparent }) })
