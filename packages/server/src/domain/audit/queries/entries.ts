import { sql } from 'kysely'
import type { Ctx } from '../../../core/context.ts'
import { type Paged, stepOf } from '../../../core/page.ts'
import type { Page } from '../../../core/schemas.ts'
import type { AuditEntry } from '../model/entry.ts'
import '../tables.ts'

export type AuditFilter = Readonly<{
  actor?: string | undefined
  /** A whole action, or its beginning and `.*`. */
  action?: string | undefined
  subject?: string | undefined
  from?: string | undefined
  to?: string | undefined
  requestId?: string | undefined
}>
export const entryColumns = sql`sequence, at, actor, action, subject, encode(before_hash, 'hex') as before_hash,
  encode(after_hash, 'hex') as after_hash, request_id, data`

/** Entries that match all filters, newest first. */
export async function listEntries({ limit, cursor, includeTotal, ...filter }: AuditFilter & Paged, ctx: Ctx): Promise<Page<AuditEntry>> {
  const { after, take, page } = stepOf(`audit ${JSON.stringify(filter)}`, { limit, cursor, includeTotal }, ctx)
  const before = after ? Number(after[0]) : null
  const matching = conditionOf(filter)
  return ctx.read(async (db) => {
    const { rows } = await sql<AuditEntry>`select ${entryColumns} from audit_entry
      where ${matching} and (${before}::bigint is null or sequence < ${before}) order by sequence desc limit ${take}`.execute(db)
    const total = async () =>
      (await sql<{ n: number }>`select count(*)::int as n from audit_entry where ${matching}`.execute(db)).rows[0]!.n
    return page(rows, (last) => [last.sequence], total)
  })
}

function conditionOf({ actor, action, subject, from, to, requestId }: AuditFilter) {
  const prefix = action?.endsWith('.*') ? action.slice(0, -1) : undefined
  const conditions = [
    ...(actor === undefined ? [] : [sql`actor = ${actor}`]),
    ...(action === undefined ? [] : [prefix === undefined ? sql`action = ${action}` : sql`starts_with(action, ${prefix})`]),
    ...(subject === undefined ? [] : [sql`subject = ${subject}`]),
    ...(from === undefined ? [] : [sql`at >= ${from}::timestamptz`]),
    ...(to === undefined ? [] : [sql`at < ${to}::timestamptz`]),
    ...(requestId === undefined ? [] : [sql`request_id = ${requestId}`]),
  ]
  return conditions.length === 0 ? sql`true` : sql.join(conditions, sql` and `)
}
