import { assertMay, sees } from '../../../core/access.ts'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { AppError } from '../../../core/errors.ts'
import { between } from '../../../core/events.ts'
import { assertIfMatch } from '../../../core/http/headers.ts'
import { unprocessable } from '../../../core/problem.ts'
import { PromptNotFound } from '../../prompts/index.ts'
import { contradictionsOf } from '../model/contradictions.ts'
import { relationshipCreated, relationshipDeleted, relationshipUpdated } from '../model/events.ts'
import { RelationshipExists, RelationshipNotFound, TargetNotFound } from '../model/failures.ts'
import { assertFree, assertSayable, cycleRefusal } from '../model/rules.ts'
import { defaultStrength, needs, type Relationship, type RelationshipType } from '../model/types.ts'
import { viewOf } from '../model/view.ts'
import { type End, findBetween, findCycle, findEnds, type Row, relationshipStore, sameAs, tellPrompts } from '../store.ts'

export type Relate = Readonly<{
  id: string
  targetId: string
  type: RelationshipType
  strength?: number | undefined
  metadata?: Record<string, unknown> | undefined
}>

/**
 * Relate a prompt to another one. What it contradicts is told in `warnings`, not refused.
 * @throws PromptNotFound (404), TargetNotFound, TypeKept, SelfRelated, CycleClosed (422), RelationshipExists (409)
 */
export const relate = (
  { id: sourceId, targetId, type, strength = defaultStrength, metadata = {} }: Relate,
  ctx: Ctx,
): Promise<Relationship> =>
  ctx.transact(async (tx) => {
    const source = await liveEnd(tx, ctx, sourceId)
    if (!source) throw new AppError(PromptNotFound, `There is no prompt ${sourceId}.`)
    assertMay(ctx.actor, 'relationships:write', { category: source.category })
    assertSayable({ sourceId, targetId, type, metadata })
    const target = await liveEnd(tx, ctx, targetId)
    if (!target) throw unprocessable(TargetNotFound, '/targetId', TargetNotFound.code, `There is no prompt ${targetId} to relate to.`)
    const at = ctx.now()
    const by = { createdBy: ctx.actor.id, createdAt: at, updatedAt: at, revision: 1 }
    const row: Row = { id: ctx.newId(), sourceId, targetId, type, strength, metadata, ...by }
    if (needs(type)) await assertNoCycle(tx, ctx, row)
    if ((await relationshipStore(tx).add([row])) === 0) throw await existsAlready(tx, row)
    await ctx.emit(tx, between(null, row, [relationshipCreated(row.id, { sourceId, targetId, type, strength })]))
    const warnings = contradictionsOf(await findBetween(tx, sourceId, targetId))
      .filter(({ edges }) => edges.some((edge) => edge.id === row.id))
      .map(({ edges, why }) => ({
        code: 'relationship.contradiction',
        detail: `${why} It stands against "${edges.find((edge) => edge.id !== row.id)!.type}".`,
      }))
    return { ...viewOf(row, source, target), ...(warnings.length > 0 && { warnings }) }
  })

/** A live prompt that the caller may see. */
async function liveEnd(tx: Db, ctx: Ctx, id: string): Promise<End | undefined> {
  const end = (await findEnds(tx, [id])).get(id)
  return end && !end.deleted && sees(ctx.actor, end.category) ? end : undefined
}

async function assertNoCycle(tx: Db, ctx: Ctx, row: Row): Promise<void> {
  await relationshipStore(tx).lockGraph(ctx.workspaceId)
  const cycle = await findCycle(tx, row)
  if (cycle) throw cycleRefusal(await tellPrompts(tx, cycle, ctx.actor))
}

async function existsAlready(tx: Db, row: Row): Promise<AppError> {
  const known = sameAs(await findBetween(tx, row.sourceId, row.targetId), row)
  return new AppError(RelationshipExists, `"${row.type}" is said of these two already. Change its strength, or delete it first.`, {
    members: { relationshipId: known?.id ?? null },
  })
}

export type SetStrength = Readonly<{ relationshipId: string; strength: number; ifMatch?: readonly string[] | undefined }>

/** @throws RelationshipNotFound (404), RelationshipKept (409), PreconditionFailed (412) */
export const setStrength = ({ relationshipId, strength, ifMatch }: SetStrength, ctx: Ctx): Promise<Relationship> =>
  ctx.transact(async (tx) => {
    const { row, source, target } = await take(tx, ctx, relationshipId, ifMatch)
    if (source.deleted || target.deleted) throw absent(relationshipId)
    if (row.strength === strength) return viewOf(row, source, target)
    const next: Row = { ...row, strength, updatedAt: ctx.now(), revision: row.revision + 1 }
    await relationshipStore(tx).setStrength(next)
    const { sourceId, targetId, type } = row
    await ctx.emit(tx, between(row, next, [relationshipUpdated(row.id, { sourceId, targetId, type, strength, previous: row.strength })]))
    return viewOf(next, source, target)
  })

/** Take a relationship away; also one that dangles because a prompt was deleted. @throws RelationshipNotFound (404), RelationshipKept (409) */
export const unrelate = ({ relationshipId, ifMatch }: Omit<SetStrength, 'strength'>, ctx: Ctx): Promise<void> =>
  ctx.transact(async (tx) => {
    const { row } = await take(tx, ctx, relationshipId, ifMatch)
    await relationshipStore(tx).remove([row.id])
    const { sourceId, targetId, type } = row
    await ctx.emit(tx, between(row, null, [relationshipDeleted(row.id, { sourceId, targetId, type })]))
  })

/** Lock a relationship that the caller may see and change. */
async function take(tx: Db, ctx: Ctx, id: string, ifMatch: readonly string[] | undefined): Promise<{ row: Row; source: End; target: End }> {
  const row = await relationshipStore(tx).lock(id)
  const ends = row && (await findEnds(tx, [row.sourceId, row.targetId]))
  const [source, target] = [ends?.get(row!.sourceId), ends?.get(row!.targetId)]
  if (!row || !source || !target || !sees(ctx.actor, source.category) || !sees(ctx.actor, target.category)) throw absent(id)
  assertMay(ctx.actor, 'relationships:write', { category: source.category })
  assertFree(row)
  assertIfMatch(ifMatch, String(row.revision))
  return { row, source, target }
}

const absent = (id: string): AppError => new AppError(RelationshipNotFound, `There is no relationship ${id}.`)
