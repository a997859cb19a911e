import { assertMay, may, type Principal, sees } from '../../../core/access.ts'
import type { Ctx } from '../../../core/context.ts'
import { AppError } from '../../../core/errors.ts'
import { LabelProtected, PromptNotFound } from './failures.ts'
import { defaultLabel, firstLabels } from './labels.ts'
import { defaultCategory, type NewPrompt } from './prompt.ts'
import type { Label } from './shapes.ts'

type Tx = Parameters<Ctx['visit']>[0]

/** For each label that is protected where the prompt is: may the caller move it nevertheless, and who may, as a sentence. */
export type Protections = ReadonlyMap<Label, Readonly<{ mayMove: boolean; detail: string }>>

/** Asks, in the transaction of the move, which of some labels are protected in a category. `app.ts` passes who knows. */
export type LabelGate = (tx: Tx, ctx: Ctx, on: Readonly<{ category: string; labels: readonly Label[] }>) => Promise<Protections>

/** @throws LabelProtected (403) when one of them is protected from the caller */
export function assertUnprotected(protections: Protections): void {
  for (const [label, { mayMove, detail }] of protections) if (!mayMove) throw new AppError(LabelProtected, detail, { members: { label } })
}

/** May the caller move these labels of a prompt of that category? @throws Forbidden, LabelProtected (403) */
export async function assertMayMove(
  gate: LabelGate,
  tx: Tx,
  ctx: Ctx,
  on: Readonly<{ category: string; labels: readonly Label[] }>,
): Promise<void> {
  for (const label of on.labels) assertMay(ctx.actor, 'labels:write', { category: on.category, label })
  assertUnprotected(await gate(tx, ctx, on))
}

/**
 * The labels of a new prompt: those that are asked for, or production, unless it is protected or the caller's rights do not
 * reach it. @throws Forbidden, LabelProtected (403) for one that is asked for
 */
export async function labelsAtFirst(
  gate: LabelGate,
  tx: Tx,
  ctx: Ctx,
  { category = defaultCategory, labels }: NewPrompt,
): Promise<Label[]> {
  const wanted = firstLabels(labels)
  const protections = await gate(tx, ctx, { category, labels: wanted })
  if (labels === undefined)
    return protections.has(defaultLabel) || !may(ctx.actor, 'prompts:write', { category, label: defaultLabel }) ? [] : wanted
  for (const label of wanted) assertMay(ctx.actor, 'prompts:write', { category, label })
  assertUnprotected(protections)
  return wanted
}

/** Whether a limit keeps a caller from a prompt's texts: by its category, or because it may read by certain labels only. */
export const isHidden = (actor: Principal, category: string, label: Label): boolean =>
  may(actor, 'prompts:read') && !may(actor, 'prompts:read', { category, label })

/** Commands see all prompts of the workspace; their callers may not. @throws PromptNotFound (404) for one that is hidden from the caller */
export function assertVisible(actor: Principal, { id, category }: Readonly<{ id: string; category: string }>): void {
  if (!sees(actor, category)) throw new AppError(PromptNotFound, `There is no prompt ${id}.`)
}
