import { assertMay, may, type Principal, sees } from '../../../core/access.ts'
import type { Ctx } from '../../../core/context.ts'
import { AppError } from '../../../core/errors.ts'
import { LabelProtected, PolicyBlocked, PromptNotFound } from './failures.ts'
import { defaultLabel, firstLabels } from './labels.ts'
import { defaultCategory, type NewPrompt, type VersionState } from './prompt.ts'
import type { BreakGlass, Label, Variable, VersionNumber } from './shapes.ts'

type Tx = Parameters<Ctx['visit']>[0]

/** For each label that is protected where the prompt is: may the caller move it nevertheless, and who may, as a sentence. */
export type Protections = ReadonlyMap<Label, Readonly<{ mayMove: boolean; detail: string }>>

/** Asks, in the transaction of the move, which of some labels are protected in a category. `app.ts` passes who knows. */
export type LabelGate = (tx: Tx, ctx: Ctx, on: Readonly<{ category: string; labels: readonly Label[] }>) => Promise<Protections>

/** A version as policies judge it: its text, and who wrote it. */
export type Judged = Pick<VersionState, 'version' | 'checksum' | 'body' | 'createdBy'>

/** One change of what callers are served of a prompt: where it is judged, and what changes. */
export type ServedChange = Readonly<{
  promptId: string
  category: string
  /** Labels that come to stand elsewhere. `to` null: it is taken away, or what it serves changes in another way. */
  labels: readonly Readonly<{ label: Label; from: VersionNumber | null; to: VersionNumber | null }>[]
  /** The version that stands for the prompt where it is published. */
  publishes?: VersionNumber
  /** A version, asked for only where a policy has to see it. */
  version(number: VersionNumber): Promise<Judged>
  /** What callers of a version are asked for, likewise. */
  variables(number: VersionNumber): Promise<readonly Variable[]>
  breakGlass?: BreakGlass | undefined
}>

/** What stands in the way of a change, and the scope of the policy that says so. */
export type PolicyBlocker = Readonly<{
  code: 'approvals' | 'check' | 'freeze' | 'compatibility'
  scope: string
  detail: string
  label?: Label
  differences?: readonly object[]
}>

/**
 * Asks, in the transaction of the changes and under the lock of their rows, what policies object to each of them, in their
 * order. Whoever breaks the glass and may is told of nothing. `app.ts` passes who knows. @throws Forbidden (403) for who may not
 */
export type PolicyGate = (tx: Tx, ctx: Ctx, changes: readonly ServedChange[]) => Promise<readonly (readonly PolicyBlocker[])[]>

/** Asks, in the transaction that deletes a prompt, what beside other prompts serves it, each in words. `app.ts` passes who knows. */
export type UseGate = (tx: Tx, ctx: Ctx, promptId: string) => Promise<readonly string[]>

/** What is asked before what callers are served changes. */
export type Gates = Readonly<{ labels: LabelGate; policies: PolicyGate; uses: UseGate }>

/** @throws PolicyBlocked (409) naming all that stands in the way of a change; Forbidden (403) for who breaks the glass and may not */
export async function assertPolicies({ policies }: Pick<Gates, 'policies'>, tx: Tx, ctx: Ctx, ...changes: ServedChange[]): Promise<void> {
  const blockers = (await policies(tx, ctx, changes)).flat()
  if (blockers.length === 0) return
  throw new AppError(
    PolicyBlocked,
    blockers
      .map(({ detail }) => detail)
      .join(' ')
      .slice(0, 4_000),
    { members: { blockers } },
  )
}

/** Labels that stay on their versions while what they serve changes otherwise, or goes. */
export const labelsTouched = (labels: Readonly<Record<Label, VersionNumber>>): ServedChange['labels'] =>
  Object.entries(labels).map(([label, from]) => ({ label, from, to: null }))

/** @throws LabelProtected (403) when one of them is protected from the caller */
export function assertUnprotected(protections: Protections): void {
  for (const [label, { mayMove, detail }] of protections) if (!mayMove) throw new AppError(LabelProtected, detail, { members: { label } })
}

/** May the caller move these labels of a prompt of that category? @throws Forbidden, LabelProtected (403) */
export async function assertMayMove(
  gates: Gates,
  tx: Tx,
  ctx: Ctx,
  on: Readonly<{ category: string; labels: readonly Label[] }>,
): Promise<void> {
  for (const label of on.labels) assertMay(ctx.actor, 'labels:write', { category: on.category, label })
  assertUnprotected(await gates.labels(tx, ctx, on))
}

/** A new prompt, as far as its first labels are concerned. @param judged its first version */
type FirstVersion = Pick<NewPrompt, 'category' | 'labels' | 'breakGlass'> & Readonly<{ id: string; judged: () => Promise<Judged> }>

/**
 * The labels of a new prompt: those that are asked for, or production, unless it is protected, a policy forbids it, or the
 * caller's rights do not reach it. @throws Forbidden, LabelProtected (403), PolicyBlocked (409) for one that is asked for
 */
export async function labelsAtFirst(gates: Gates, tx: Tx, ctx: Ctx, first: FirstVersion): Promise<Label[]> {
  const { id: promptId, category = defaultCategory, labels, breakGlass, judged: version } = first
  const wanted = firstLabels(labels)
  if (wanted.length === 0) return wanted
  const protections = await gates.labels(tx, ctx, { category, labels: wanted })
  const moves = wanted.map((label) => ({ label, from: null, to: 1 }))
  const variables = async () => (await version()).body.variables
  const change = { promptId, category, labels: moves, version, variables, breakGlass }
  if (labels === undefined && !breakGlass) {
    if (protections.has(defaultLabel) || !may(ctx.actor, 'prompts:write', { category, label: defaultLabel })) return []
    const [blockers] = await gates.policies(tx, ctx, [change])
    return blockers?.length ? [] : wanted
  }
  for (const label of wanted) assertMay(ctx.actor, 'prompts:write', { category, label })
  assertUnprotected(protections)
  await assertPolicies(gates, tx, ctx, change)
  return wanted
}

/** Whether a limit keeps a caller from a prompt's texts: by its category, or because it may read by certain labels only. */
export const isHidden = (actor: Principal, category: string, label: Label): boolean =>
  may(actor, 'prompts:read') && !may(actor, 'prompts:read', { category, label })

/** Commands see all prompts of the workspace; their callers may not. @throws PromptNotFound (404) for one that is hidden from the caller */
export function assertVisible(actor: Principal, { id, category }: Readonly<{ id: string; category: string }>): void {
  if (!sees(actor, category)) throw new AppError(PromptNotFound, `There is no prompt ${id}.`)
}
