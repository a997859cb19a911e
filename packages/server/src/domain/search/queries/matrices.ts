import { sql } from 'kysely'
import { LRUCache } from 'lru-cache'
import { atMost } from '../../../core/at-most.ts'
import type { Db } from '../../../core/db.ts'
import { settledBefore } from '../../../core/horizon.ts'
import { createMatrix, type Matrix } from '../model/vectors.ts'

/** The vectors of workspaces, in this process. */
export type Matrices = Readonly<{
  /**
   * The vectors of a workspace as of this transaction. The first call reads all of them, later ones what is new.
   * @returns undefined when there are none
   */
  of(db: Db, workspaceId: string): Promise<Matrix | undefined>
  bytes(): number
}>

type Held = { matrix: Matrix | undefined; horizon: string; tail: Promise<unknown> }
type Row = Readonly<{ promptId: string; dimensions: number; vector: Buffer }>

const page = 5_000

/**
 * @param model vectors of others are left out
 * @param maxBytes what all of them may take; the workspaces that were searched last stay. One that is larger by itself is kept alone
 * @param idleMs after which a workspace's vectors are let go
 */
export function createMatrices({ model, maxBytes, idleMs }: { model: string; maxBytes: number; idleMs: number }): Matrices {
  const held = new LRUCache<string, Held>({ ...atMost(10_000), ttl: idleMs, updateAgeOnGet: true, ttlAutopurge: true })
  const bytes = () => [...held.values()].reduce((sum, { matrix }) => sum + (matrix?.bytes() ?? 0), 0)

  const refresh = async (db: Db, workspaceId: string, one: Held): Promise<void> => {
    const { rows } = await sql<{ horizon: string }>`select ${settledBefore}::text as horizon`.execute(db)
    for (let after: string | undefined; ; ) {
      const found = await readPage(db, { workspaceId, model, since: one.horizon, after })
      for (const { promptId, dimensions, vector } of found) {
        if (one.matrix && one.matrix.dimensions !== dimensions && vector.length > 0) one.matrix = undefined
        if (vector.length === 0) one.matrix?.remove(promptId)
        else {
          one.matrix ??= createMatrix(dimensions)
          one.matrix.set(promptId, new Int8Array(vector.buffer, vector.byteOffset, vector.length))
        }
      }
      after = found.at(-1)?.promptId
      if (found.length < page) break
    }
    one.horizon = rows[0]!.horizon
  }
  const shrink = (keep: string) => {
    for (const workspaceId of [...held.rkeys()]) {
      if (bytes() <= maxBytes) return
      if (workspaceId !== keep) held.delete(workspaceId)
    }
  }

  return {
    bytes,
    async of(db, workspaceId) {
      let one = held.get(workspaceId)
      if (!one) {
        one = { matrix: undefined, horizon: '0', tail: Promise.resolve() }
        held.set(workspaceId, one)
      }
      const own = one
      const done = own.tail.then(() => refresh(db, workspaceId, own))
      own.tail = done.catch(() => undefined)
      await done
      shrink(workspaceId)
      return own.matrix
    },
  }
}

/**
 * What transactions changed that may not have been over when we last looked: everything from the horizon on, so that none
 * is missed whatever the order of their commits.
 */
async function readPage(
  db: Db,
  { workspaceId, model, since, after }: { workspaceId: string; model: string; since: string; after: string | undefined },
): Promise<Row[]> {
  const { rows } = await sql<Row>`
    select prompt_id, dimensions, vector from search_vector
    where workspace_id = ${workspaceId} and xid >= ${since}::xid8 and (model = ${model} or vector = '')
      ${after ? sql`and prompt_id > ${after}` : sql``} order by prompt_id limit ${page}`.execute(db)
  return rows
}
