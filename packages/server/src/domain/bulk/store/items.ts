import { sql } from 'kysely'
import type { Db } from '../../../core/db.ts'
import type { ProblemBody } from '../../../core/problem.ts'
import type { Decided, Item } from '../model/operation.ts'
import '../tables.ts'

/** An item as it comes: its JSON, or why it cannot be kept. */
export type Incoming = string | ProblemBody

export const itemStore = (tx: Db) => ({
  /** Keep items, numbered on from an index. */
  async add(operationId: string, from: number, incoming: readonly Incoming[]): Promise<void> {
    const payloads = incoming.map((one) => (typeof one === 'string' ? one : null))
    const problems = incoming.map((one) => (typeof one === 'string' ? null : JSON.stringify(one)))
    await sql`insert into bulk_item (operation_id, index, payload, outcome, problem)
      select ${operationId}::uuid, ${from}::int + n::int - 1, payload, case when problem is null then 'pending' else 'failed' end, problem::jsonb
      from unnest(${payloads}::text[], ${problems}::text[]) with ordinality as i (payload, problem, n)`.execute(tx)
  },

  /** The next that wait for their turn, in order: so many at most, and so many bytes unless a single one has more. */
  async pending(operationId: string, after: number, most: { items: number; bytes: number }): Promise<Item[]> {
    const { rows } = await sql<Item>`
      select index, payload from (
        select index, payload, sum(octet_length(payload)) over (order by index) - octet_length(payload) as before from (
          select index, payload from bulk_item where operation_id = ${operationId} and index > ${after} and outcome = 'pending'
          order by index limit ${most.items}) i) j
      where before < ${most.bytes} order by index`.execute(tx)
    return rows
  },

  /** Write down what became of items, given in their order. Only what has failed, or was not tried, keeps its payload. */
  async decide(operationId: string, decided: readonly Decided[]): Promise<void> {
    for (let from = 0; from < decided.length; from += 1_000) {
      const rows = decided.slice(from, from + 1_000).map(({ promptId, ...rest }) => ({ ...rest, prompt_id: promptId }))
      // The range keeps a plan that was made while the table was small from reading all items of the operation.
      await sql`update bulk_item i set outcome = d.outcome, prompt_id = d.prompt_id, version = d.version, problem = d.problem,
          payload = case d.outcome when 'succeeded' then null else i.payload end
        from json_to_recordset(${JSON.stringify(rows)}::json) as d (index int, outcome text, prompt_id uuid, version int, problem jsonb)
        where i.operation_id = ${operationId} and i.index between ${rows[0]!.index} and ${rows.at(-1)!.index} and i.index = d.index
          and i.outcome = 'pending'`.execute(tx)
    }
  },

  /** Decide all that wait in the same way. @returns how many */
  async decideRest(operationId: string, outcome: 'failed' | 'skipped', problem: ProblemBody | null): Promise<number> {
    const { numUpdatedRows } = await tx
      .updateTable('bulkItem')
      .set({ outcome, problem: problem && JSON.stringify(problem) })
      .where('operationId', '=', operationId)
      .where('outcome', '=', 'pending')
      .executeTakeFirst()
    return Number(numUpdatedRows)
  },

  /**
   * Let another operation have the items that are to be tried again, under the indices that they had.
   * @param all also those that were not tried; one that cannot be tried goes along as failed
   */
  async copy(operationId: string, to: string, all: boolean): Promise<{ total: number; failed: number }> {
    const wanted = all ? sql`true` : sql`outcome = 'failed' and payload is not null`
    const { rows } = await sql<{ total: number; failed: number }>`
      with copied as (
        insert into bulk_item (operation_id, index, payload, outcome, problem)
        select ${to}::uuid, index, payload, case when payload is null then 'failed' else 'pending' end, case when payload is null then problem end
        from bulk_item where operation_id = ${operationId} and ${wanted} returning payload)
      select count(*)::int as total, count(*) filter (where payload is null)::int as failed from copied`.execute(tx)
    return rows[0]!
  },

  /** Forget what is still kept to be done to a prompt: a text of it is gone for good. */
  async forget(promptId: string): Promise<void> {
    await sql`update bulk_item set payload = null where prompt_id = ${promptId} and payload is not null`.execute(tx)
  },
})
