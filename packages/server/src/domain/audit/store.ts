import { type SqlBool, sql } from 'kysely'
import type { Db } from '../../core/db.ts'
import { settledBefore } from '../../core/horizon.ts'
import { type Block, noTip, type Tip } from './model/blocks.ts'
import { type AuditEntry, refusedAction } from './model/entry.ts'
import type { Refusal } from './model/refusal.ts'
import { blockColumns } from './queries/chain.ts'
import { entryColumns } from './queries/entries.ts'
import './tables.ts'

/** Any number; all instances agree on it. */
const sealerLock = 7_266_051_103

/** Entries up to `sequence` are drawn by transactions older than `xid`: when those have ended, nothing can come in between. */
export type Mark = Readonly<{ sequence: number; xid: string }>

/**
 * A mark to seal up to. The number is read before the transaction gets its id, and whoever drew an earlier number had an
 * id by then (`xid` stands before `sequence` in the table), so that id is smaller. The message makes the commit wait for
 * the log: a database that crashes does not come back to numbers or ids before the mark.
 */
export async function readMark(db: Db): Promise<Mark> {
  const { rows } = await sql<{ sequence: number; called: boolean }>`
    select last_value as sequence, is_called as called from audit_entry_sequence_seq`.execute(db)
  const { sequence, called } = rows[0]!
  const { rows: ids } = await sql<{ xid: string }>`
    select pg_current_xact_id()::text as xid, pg_logical_emit_message(true, 'audit.mark', '') as logged`.execute(db)
  return { sequence: called ? sequence : 0, xid: ids[0]!.xid }
}

/** Have all transactions that may still bring entries up to the mark ended? */
export async function isSettled(db: Db, { xid }: Mark): Promise<boolean> {
  const { rows } = await sql<{ settled: SqlBool }>`
    select ${settledBefore} >= ${xid}::xid8 as settled`.execute(db)
  return rows[0]!.settled === true
}

/** One sealer at a time, for this transaction. */
export async function isOnlySealer(db: Db): Promise<boolean> {
  const { rows } = await sql<{ locked: boolean }>`select pg_try_advisory_xact_lock(${sealerLock}::bigint) as locked`.execute(db)
  return rows[0]!.locked
}

/** The last block of the installation: its number, and up to where all entries are sealed. */
export async function lastBlock(db: Db): Promise<{ number: number; through: number }> {
  const last = await db.selectFrom('auditBlock').select(['number', 'through']).orderBy('number', 'desc').limit(1).executeTakeFirst()
  return last ?? { number: 0, through: 0 }
}

export type UnsealedEntry = AuditEntry & Readonly<{ workspaceId: string }>

/** Entries after one number and up to another, of all workspaces, oldest first. */
export async function entriesBetween(db: Db, after: number, upTo: number, limit: number): Promise<UnsealedEntry[]> {
  const { rows } = await sql<UnsealedEntry>`select workspace_id, ${entryColumns} from audit_entry
    where sequence > ${after} and sequence <= ${upTo} order by sequence limit ${limit}`.execute(db)
  return rows
}

/** Where the chains of these workspaces end. */
export async function tipsOf(db: Db, workspaceIds: readonly string[]): Promise<Map<string, Tip>> {
  const { rows } = await sql<Tip>`select w.id as workspace_id, b.height, b.last_position as position, b.head
    from unnest(${workspaceIds}::uuid[]) as w (id)
    cross join lateral (select * from audit_block where workspace_id = w.id order by height desc limit 1) b`.execute(db)
  return new Map([...workspaceIds.map((id) => [id, noTip(id)] as const), ...rows.map((tip) => [tip.workspaceId, tip] as const)])
}

export const addBlocks = (db: Db, blocks: readonly Block[], through: number) =>
  db
    .insertInto('auditBlock')
    .values(blocks.map((block) => ({ ...block, through, sequences: [...block.sequences] })))
    .execute()

/** Blocks of the installation after a number, for the checkpoints outside. */
export async function blocksAfter(db: Db, number: number, limit: number): Promise<Block[]> {
  const { rows } =
    await sql<Block>`select ${blockColumns} from audit_block where number > ${number} order by number limit ${limit}`.execute(db)
  return rows
}

/** The last block of each workspace, in the order of their numbers. */
export async function lastBlocks(db: Db): Promise<Block[]> {
  const { rows } = await sql<Block>`select ${blockColumns} from (select distinct workspace_id as id from audit_block) w
    cross join lateral (select * from audit_block where workspace_id = w.id order by height desc limit 1) b order by number`.execute(db)
  return rows
}

/** Write refused attempts, of any workspaces. */
export async function addRefusals(db: Db, refusals: readonly Refusal[]): Promise<void> {
  await db
    .insertInto('auditEntry')
    .values(
      refusals.map(({ workspaceId, actor, endpoint, permission, count, firstAt, lastAt, requestId }) => ({
        workspaceId,
        at: lastAt,
        actor,
        action: refusedAction,
        subject: endpoint,
        beforeHash: null,
        afterHash: null,
        requestId,
        data: JSON.stringify({ permission, count, firstAt }),
      })),
    )
    .execute()
}
