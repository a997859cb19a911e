import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { between } from '../../../core/events.ts'
import type { EventHandler } from '../../../core/module.ts'
import { includedPrompts } from '../../prompts/index.ts'
import { relationshipCreated, relationshipDeleted } from '../model/events.ts'
import { defaultStrength, type RelationshipType } from '../model/types.ts'
import { type Row, relationshipStore } from '../store.ts'

/**
 * Let `includes` follow what a prompt includes by the versions that it serves or has newest. Runs in the transaction of
 * the prompt's change, whose row is locked, and only where there are, or were, includes.
 */
export const keepIncludes: EventHandler = async ({ subject }, tx, ctx) => {
  const wanted = new Set(await includedPrompts(tx, subject))
  const store = relationshipStore(tx)
  const present = await store.from(subject, 'includes')
  const gone = present.filter(({ targetId }) => !wanted.has(targetId))
  for (const { targetId } of present) wanted.delete(targetId)
  await store.remove(gone.map(({ id }) => id))
  await ctx.emit(
    tx,
    gone.flatMap((row) => between(row, null, [relationshipDeleted(row.id, endsOf(row))])),
  )
  await keep(
    tx,
    ctx,
    [...wanted].map((targetId) => ({ sourceId: subject, targetId, type: 'includes', metadata: {} })),
  )
}

/** A fork derives from its parent, for good. */
export const keepDerivation: EventHandler = async ({ subject, data }, tx, ctx) => {
  const { promptId, version } = data.from as { promptId: string; version: number }
  await keep(tx, ctx, [{ sourceId: subject, targetId: promptId, type: 'derived_from', metadata: { version } }])
}

type Ends = Readonly<{ sourceId: string; targetId: string; type: RelationshipType }>
const endsOf = ({ sourceId, targetId, type }: Ends): Ends => ({ sourceId, targetId, type })

async function keep(tx: Db, ctx: Ctx, wanted: readonly (Ends & { metadata: Record<string, unknown> })[]): Promise<void> {
  const at = ctx.now()
  const by = { createdBy: ctx.actor.id, createdAt: at, updatedAt: at, revision: 1 }
  const rows = wanted.map((one): Row => ({ id: ctx.newId(), ...one, strength: defaultStrength, ...by }))
  await relationshipStore(tx).add(rows)
  await ctx.emit(
    tx,
    rows.flatMap((row) => between(null, row, [relationshipCreated(row.id, { ...endsOf(row), strength: row.strength })])),
  )
}
