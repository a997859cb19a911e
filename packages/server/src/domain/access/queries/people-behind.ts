import type { Db } from '../../../core/db.ts'
import { isId } from '../../../core/ids.ts'
import { type KeyOrigin, personBehind } from '../model/people.ts'
import '../tables.ts'

/** Of the keys among some principals their ids. */
const keysAmong = (principals: readonly string[]): string[] =>
  principals.flatMap((one) => (one.startsWith('key:') && isId(one.slice(4)) ? [one.slice(4)] : []))

/**
 * Which person stands behind each principal: what is counted where people are counted and not keys. See `personBehind`.
 * @param db sees one workspace
 * @returns by the id of the principal, for each that was asked for
 */
export async function peopleBehind(db: Db, principals: readonly string[]): Promise<Map<string, string>> {
  const known = new Map<string, KeyOrigin>()
  for (let wanted = keysAmong(principals); wanted.length > 0; ) {
    const origins = await originsOf(db, wanted)
    for (const { id, ...origin } of origins) known.set(`key:${id}`, origin)
    const makers = origins.flatMap(({ createdBy, rotatedFrom }) => [createdBy, ...(rotatedFrom ? [rotatedFrom] : [])])
    wanted = [...new Set(keysAmong(makers))].filter((id) => !known.has(`key:${id}`))
  }
  return new Map(principals.map((one) => [one, personBehind(one, known)]))
}

async function originsOf(db: Db, ids: readonly string[]): Promise<(KeyOrigin & { id: string })[]> {
  const rows = await db
    .selectFrom('apiKey as k')
    .leftJoin('apiKey as old', 'old.rotatedTo', 'k.id')
    .select(['k.id', 'k.createdBy', 'old.id as rotatedFrom'])
    .where('k.id', 'in', ids)
    .execute()
  return rows.map(({ rotatedFrom, ...row }) => ({ ...row, rotatedFrom: rotatedFrom && `key:${rotatedFrom}` }))
}
