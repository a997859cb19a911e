import { sql } from 'kysely'
import type { Ctx } from '../../../core/context.ts'
import { type Block, noTip, type Tip, tipOf } from '../model/blocks.ts'
import type { AuditEntry } from '../model/entry.ts'
import { entryColumns } from './entries.ts'
import '../tables.ts'

/** Entries, more or less, in one read: blocks are read until they are so many. */
const entriesInRead = 2_000
const blocksInRead = 100

/** A block with all the entries that lie between those of the block before it and its own last one. */
export type Step = Readonly<{ block: Block; entries: readonly AuditEntry[] }>

/** As numbers: the driver reads a list of bigint as texts. */
export const blockColumns = sql`workspace_id, height, number, first_position, last_position, to_json(sequences) as sequences,
  hashes, previous, head, sealed_at, key_id, signature`

/** Where the workspace's chain ends, and what lies behind it. */
export type End = Readonly<{
  tip: Tip
  sealedAt: string | null
  /** Of the workspace's last block, among those of the installation. */
  lastNumber: number
  /** Entries that no block holds yet. */
  unsealed: number
  /** The first that the sealer has passed by: it was not there when its turn came. */
  stray: number | null
}>

/** All of one snapshot, and across workspaces, since the sealer works across them. */
export const getEnd = ({ workspaceId, system }: Pick<Ctx, 'workspaceId' | 'system'>): Promise<End> =>
  system(async (db) => {
    const { rows: blocks } = await sql<Block>`select ${blockColumns} from audit_block
      where workspace_id = ${workspaceId} order by height desc limit 1`.execute(db)
    const last = blocks[0]
    const sealed = last?.sequences.at(-1) ?? 0
    const { rows } = await sql<Pick<End, 'unsealed' | 'stray'>>`
      with passed as (select through from audit_block order by number desc limit 1),
      behind as (select sequence from audit_entry where workspace_id = ${workspaceId} and sequence > ${sealed})
      select (select count(*)::int from behind) as unsealed,
        (select min(sequence) from behind where sequence <= (select through from passed)) as stray`.execute(db)
    return { tip: last ? tipOf(last) : noTip(workspaceId), sealedAt: last?.sealedAt ?? null, lastNumber: last?.number ?? 0, ...rows[0]! }
  }, 'read')

/**
 * Walk the workspace's chain in bounded memory, in short reads: what is sealed does not change, so they need no common
 * snapshot. @param from the position that the walk begins behind @param to the last height, as of the beginning
 */
export async function* walkChain(ctx: Ctx, from: { position: number }, to: number): AsyncGenerator<Step> {
  let after = await ctx.read(async (db) => {
    const row = await db
      .selectFrom('auditBlock')
      .select(['height', sql<number>`sequences[cardinality(sequences)]`.as('sequence')])
      .where('lastPosition', '<=', from.position)
      .orderBy('lastPosition', 'desc')
      .limit(1)
      .executeTakeFirst()
    return { height: row?.height ?? 0, sequence: row?.sequence ?? 0 }
  })
  while (after.height < to) {
    const steps = await readSteps(ctx, after, to)
    yield* steps
    const last = steps.at(-1)
    if (!last) return
    after = { height: last.block.height, sequence: last.block.sequences.at(-1) ?? after.sequence }
  }
}

const readSteps = (ctx: Ctx, after: { height: number; sequence: number }, to: number): Promise<Step[]> =>
  ctx.read(async (db) => {
    const { rows: blocks } = await sql<Block>`select ${blockColumns} from (
        select *, sum(cardinality(sequences)) over (order by height) - cardinality(sequences) as before
        from (select * from audit_block where height > ${after.height} and height <= ${to} order by height limit ${blocksInRead}) b) b
      where before < ${entriesInRead} order by height`.execute(db)
    const upTo = Math.max(...blocks.map(({ sequences }) => sequences.at(-1) ?? 0), 0)
    const { rows: entries } = await sql<AuditEntry>`select ${entryColumns} from audit_entry
      where sequence > ${after.sequence} and sequence <= ${upTo} order by sequence`.execute(db)
    let i = 0
    return blocks.map((block) => {
      const from = i
      const last = block.sequences.at(-1) ?? 0
      while (i < entries.length && entries[i]!.sequence <= last) i++
      return { block, entries: entries.slice(from, i) }
    })
  })

/** The block that holds a position. */
export const findBlockOf = (ctx: Ctx, position: number): Promise<Block | undefined> =>
  ctx.read(async (db) => {
    const { rows } = await sql<Block>`select ${blockColumns} from audit_block
      where last_position >= ${position} order by last_position limit 1`.execute(db)
    return rows[0]
  })
