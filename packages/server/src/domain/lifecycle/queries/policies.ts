import { type Principal, sees } from '../../../core/access.ts'
import type { Ctx } from '../../../core/context.ts'
import { AppError } from '../../../core/errors.ts'
import { type Paged, stepOf } from '../../../core/page.ts'
import type { Page } from '../../../core/schemas.ts'
import { type Policy, placeOf } from '../model/policies.ts'
import { PolicyNotFound } from '../model/policy-failures.ts'
import { policiesOf, policyColumns } from '../store/policies.ts'
import '../tables.ts'

/** Policies of categories that the caller may not see do not exist for it. */
export const isVisible = (actor: Principal, scope: string): boolean =>
  !scope.startsWith('category:') || sees(actor, placeOf(scope).category!)

/** The policy of a scope itself, without those of others that hold there too. @throws PolicyNotFound */
export async function getPolicy({ scope }: { scope: string }, ctx: Ctx): Promise<Policy> {
  const found = await ctx.read((db) => db.selectFrom('lifecyclePolicy').select(policyColumns).where('scope', '=', scope).executeTakeFirst())
  if (!found || !isVisible(ctx.actor, scope)) throw new AppError(PolicyNotFound, `"${scope}" has no policy of its own.`)
  return found
}

/** The policies of the workspace, by scope: few enough to be read at once. */
export async function listPolicies(paged: Paged, ctx: Ctx): Promise<Page<Policy>> {
  const { after, take, page } = stepOf('policies', paged, ctx)
  const all = (await ctx.read(policiesOf)).filter(({ scope }) => isVisible(ctx.actor, scope))
  const rows = all.filter(({ scope }) => after === undefined || scope > String(after[0])).slice(0, take)
  return page(
    rows,
    (last) => [last.scope],
    async () => all.length,
  )
}
