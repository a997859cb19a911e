import { may } from '../../core/access.ts'
import type { Ctx } from '../../core/context.ts'
import { isId } from '../../core/ids.ts'
import type { Remembered, TestMemory } from './memory.ts'
import { knownTests } from './store/outcomes.ts'

/** Tells which of some tests have started and are for the caller to tell outcomes of: from memory, where it holds them. */
export const createStartedTests =
  (memory: TestMemory) =>
  async (testIds: readonly string[], ctx: Ctx): Promise<ReadonlySet<string>> => {
    const { workspaceId, actor } = ctx
    const started = new Set<string>()
    const take = (found: Remembered | undefined) => {
      if (found && found.test.startedAt !== null && may(actor, 'analytics:write', { category: found.category })) started.add(found.test.id)
    }
    const others: string[] = []
    for (const id of new Set(testIds)) {
      const found = memory.peek(workspaceId, id)
      if (found && found.test.startedAt !== null) take(found)
      else if (isId(id)) others.push(id)
    }
    if (others.length === 0) return started
    const known = await ctx.readAll((db) => knownTests(db, others))
    for (const id of others) if (known.has(`${workspaceId} ${id}`)) take(await memory.find(id, ctx))
    return started
  }
