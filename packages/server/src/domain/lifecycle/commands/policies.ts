import { isDeepStrictEqual } from 'node:util'
import { assertMay } from '../../../core/access.ts'
import type { Ctx } from '../../../core/context.ts'
import { AppError } from '../../../core/errors.ts'
import { between } from '../../../core/events.ts'
import { assertIfMatch } from '../../../core/http/headers.ts'
import { type ChangePolicy, changeRules, maxPolicies, type Policy, placeOf, policyChanged, policyRemoved } from '../model/policies.ts'
import { PolicyNotFound, TooManyPolicies } from '../model/policy-failures.ts'
import { policyStore } from '../store/policies.ts'

type Named = Readonly<{ scope: string; ifMatch?: readonly string[] | undefined }>

/**
 * Say what holds in a scope. A change counts at once where it is made, within a second on other instances.
 * @throws Forbidden (403) unless the caller's right to it reaches the whole scope; PolicyInvalid (422); TooManyPolicies (409)
 */
export const changePolicy = ({ scope, ifMatch, change }: Named & { change: ChangePolicy }, ctx: Ctx): Promise<Policy> =>
  ctx.transact(async (tx) => {
    assertMay(ctx.actor, 'policies:write', placeOf(scope))
    const store = policyStore(tx)
    const before = await store.lock(scope)
    assertIfMatch(ifMatch, String(before?.revision ?? 0))
    const rules = changeRules(before, change)
    if (before && isDeepStrictEqual({ ...before, ...rules }, before)) return before
    if (!before && (await store.count()) >= maxPolicies)
      throw new AppError(TooManyPolicies, `A workspace has ${maxPolicies} policies at most. Remove one that is not needed.`)
    const revision = (before?.revision ?? 0) + 1
    const next: Policy = { scope, ...rules, updatedBy: ctx.actor.id, updatedAt: ctx.now(), revision }
    await store.save(next)
    const { approvals, checks, compatibility } = next
    await ctx.emit(tx, between(before ?? null, next, [policyChanged(scope, { scope, approvals, checks, compatibility })]))
    return next
  })

/** Let nothing of its own hold in a scope. @throws PolicyNotFound; Forbidden (403) */
export const removePolicy = ({ scope, ifMatch }: Named, ctx: Ctx): Promise<void> =>
  ctx.transact(async (tx) => {
    assertMay(ctx.actor, 'policies:write', placeOf(scope))
    const before = await policyStore(tx).lock(scope)
    if (!before) throw new AppError(PolicyNotFound, `"${scope}" has no policy of its own.`)
    assertIfMatch(ifMatch, String(before.revision))
    await policyStore(tx).remove(scope)
    await ctx.emit(tx, between(before, null, [policyRemoved(scope, { scope })]))
  })
