import type { Principal } from '../../core/access.ts'
import type { Ctx } from '../../core/context.ts'
import type { Db } from '../../core/db.ts'
import type { Feed } from '../../core/feed/feed.ts'
import { keepByWorkspace } from '../../core/feed/keeping.ts'
import { type Presence, peopleBehind } from '../access/index.ts'
import { lintSubject, type PolicyGate, type ServedChange } from '../prompts/index.ts'
import { lint } from '../validation/index.ts'
import { breakTheGlass } from './commands/break-glass.ts'
import { differencesOf } from './model/compatibility.ts'
import {
  type Approval,
  approvalBlocker,
  approvalsAsked,
  compatibilityBlocker,
  type Demand,
  demandsOf,
  freezesOn,
  lintBlocker,
  type PolicyBlocker,
  peopleFor,
} from './model/judging.ts'
import { holdsIn, type Policy, policyChanged, policyRemoved } from './model/policies.ts'
import { standingApprovals } from './store/approvals.ts'
import { policiesOf } from './store/policies.ts'

export type Policies = Readonly<{
  /** What policies object to changes of what callers are served: for prompts, which asks it under all of its commands. */
  gate: PolicyGate
  /** All policies of the workspace. */
  inForce(tx: Db, ctx: Ctx): Promise<readonly Policy[]>
  /** The scope of the policy that asks for approvals before a prompt of a category is published; undefined: none does. */
  reviewOf(tx: Db, ctx: Ctx, category: string): Promise<string | undefined>
  /** The approvals of prompts that stand, with the people behind them, and what their givers may do now. */
  approvalsOf(db: Db, ctx: Ctx, promptIds: readonly string[]): Promise<Given>
}>
type Given = Readonly<{ approvals: Approval[]; present: ReadonlyMap<string, Principal> }>

/**
 * Judges changes by the policies of their workspace. Where there are none a change asks nothing; a change of a policy counts
 * within a second everywhere, and at once where it was made.
 */
export function createPolicies({ feed, presence }: { feed: Feed; presence: Presence }): Policies {
  const policiesIn = keepByWorkspace(feed, [policyChanged.type, policyRemoved.type], policiesOf, {
    maxSize: 200_000,
    sizeCalculation: sizeOf,
  })
  const inForce = (tx: Db, { workspaceId }: Ctx): Promise<readonly Policy[]> => policiesIn(tx, workspaceId)
  const approvalsOf: Policies['approvalsOf'] = (db, ctx, promptIds) => findApprovals(presence, db, ctx, promptIds)
  const gate: PolicyGate = async (tx, ctx, changes) => {
    const policies = await inForce(tx, ctx)
    if (policies.length === 0) return changes.map(() => [])
    const blockers = await judge(tx, ctx, { policies, approvalsOf }, changes)
    const left: (readonly PolicyBlocker[])[] = []
    for (const [i, change] of changes.entries()) left.push(await unlessBroken(tx, ctx, change, blockers[i]!))
    return left
  }
  const reviewOf: Policies['reviewOf'] = async (tx, ctx, category) =>
    approvalsAsked((await inForce(tx, ctx)).filter((policy) => holdsIn(policy, category)))?.scope
  return { gate, inForce, reviewOf, approvalsOf }
}

/** Policies and their windows: both bounded in length. */
const sizeOf = (policies: readonly Policy[]): number => 1 + policies.reduce((sum, { freeze }) => sum + 1 + freeze.length, 0)

type By = Readonly<{ policies: readonly Policy[] } & Pick<Policies, 'approvalsOf'>>

async function judge(tx: Db, ctx: Ctx, { policies, approvalsOf }: By, changes: readonly ServedChange[]): Promise<PolicyBlocker[][]> {
  const at = ctx.now()
  const asked = changes.map((change) => demandsOf(policies, change))
  const count = await countApprovals(asked.flat(), (promptIds) => approvalsOf(tx, ctx, promptIds))
  const judged: PolicyBlocker[][] = []
  for (const [i, change] of changes.entries()) {
    const found = freezesOn(policies, change, at)
    for (const demand of asked[i]!) found.push(...(await meets(demand, change, count)))
    judged.push(found)
  }
  return judged
}

type Count = (demand: Demand, checksum: string) => number

async function meets(demand: Demand, change: ServedChange, count: Count): Promise<PolicyBlocker[]> {
  const { approvals, lint: linted, compatible, version, from } = demand
  const judged = approvals || linted ? await change.version(version) : undefined
  const given = approvals && judged ? count(demand, judged.checksum) : 0
  const findings = linted && judged ? lint(lintSubject(judged.body)) : []
  const differences =
    compatible && from !== null && from !== version ? differencesOf(await change.variables(from), await change.variables(version)) : []
  const found = [approvalBlocker(demand, given), lintBlocker(demand, findings), compatibilityBlocker(demand, differences)]
  return found.filter((blocker) => blocker !== undefined)
}

/** How many people's approvals count for a demand: asked for all at once, and not at all where no approvals are. */
async function countApprovals(demands: readonly Demand[], approvalsOf: (promptIds: readonly string[]) => Promise<Given>): Promise<Count> {
  const promptIds = [...new Set(demands.flatMap(({ approvals, promptId }) => (approvals ? [promptId] : [])))]
  if (promptIds.length === 0) return () => 0
  const { approvals, present } = await approvalsOf(promptIds)
  return (demand, checksum) => peopleFor(approvals, present, { promptId: demand.promptId, checksum }, demand).size
}

async function findApprovals(presence: Presence, db: Db, ctx: Ctx, promptIds: readonly string[]): Promise<Given> {
  const given = await standingApprovals(db, promptIds)
  if (given.length === 0) return { approvals: [], present: new Map() }
  const givers = [...new Set(given.map(({ by }) => by))]
  const people = await peopleBehind(db, [...new Set([...givers, ...given.map(({ author }) => author)])])
  const present = await presence(db, givers, ctx)
  const approvals = given.map((one) => ({ ...one, person: people.get(one.by)!, author: people.get(one.author)! }))
  return { approvals, present }
}

/** What is left in the way: nothing, where the glass is broken. @throws Forbidden (403) */
async function unlessBroken(tx: Db, ctx: Ctx, change: ServedChange, blockers: readonly PolicyBlocker[]): Promise<readonly PolicyBlocker[]> {
  const { promptId, category, labels, breakGlass: glass } = change
  if (!glass || blockers.length === 0) return blockers
  await breakTheGlass(tx, ctx, { promptId, category, labels: labels.map(({ label }) => label), blockers, reason: glass.reason })
  return []
}
