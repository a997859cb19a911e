import type { Ctx } from '../../core/context.ts'
import { isId } from '../../core/ids.ts'
import type { TestMemory } from './memory.ts'
import { knownTests } from './store/outcomes.ts'

/** Tells which of some tests the caller's workspace has, and has started: from memory, and those it does not hold in one read. */
export const createStartedTests =
  (memory: TestMemory) =>
  async (testIds: readonly string[], { workspaceId, readAll }: Ctx): Promise<ReadonlySet<string>> => {
    const wanted = [...new Set(testIds)].filter(isId)
    const started = new Set(wanted.filter((id) => (memory.peek(workspaceId, id)?.test.startedAt ?? null) !== null))
    const others = wanted.filter((id) => !started.has(id))
    if (others.length === 0) return started
    const known = await readAll((db) => knownTests(db, others))
    for (const id of others) if (known.has(`${workspaceId} ${id}`)) started.add(id)
    return started
  }
