import type { Principal } from '../../../core/access.ts'
import type { Db } from '../../../core/db.ts'
import { isId } from '../../../core/ids.ts'
import { worksUntil } from '../model/api-keys.ts'
import { type KeyOrigin, personBehind } from '../model/people.ts'
import { grantOf } from '../model/rights.ts'
import { compileRights } from '../model/roles.ts'
import { memberPrincipal } from '../model/sessions.ts'
import { customGrant } from '../queries.ts'
import '../tables.ts'

type Where = Readonly<{ workspaceId: string; now: string }>

/** Ids of one kind of principal among others, without what says so. */
const idsOf = (kind: 'key' | 'user', principals: readonly string[]): string[] =>
  principals.flatMap((one) => (one.startsWith(`${kind}:`) && isId(one.slice(kind.length + 1)) ? [one.slice(kind.length + 1)] : []))

/**
 * What principals may do now, whatever they might when they did something: for work that was asked for earlier, and for
 * what counts only as long as who said it may say so.
 * @param db sees one workspace
 * @returns by the id of the principal; keys that have ended and people who are no members any more are not in it
 */
export async function presentPrincipals(db: Db, ids: readonly string[], { workspaceId, now }: Where): Promise<Map<string, Principal>> {
  const found = new Map<string, Principal>()
  for (const id of ['bootstrap', 'open'].filter((own) => ids.includes(own)))
    found.set(id, { id, workspaceId, permissions: new Set(['*']), roles: ['owner'], instanceAdmin: true })
  for (const { id, role, scopes, instanceAdmin, ...row } of await liveKeys(db, idsOf('key', ids), now)) {
    const rights = compileRights([grantOf({ role, scopes, custom: customGrant(row) })])
    found.set(`key:${id}`, { id: `key:${id}`, workspaceId, ...rights, ...(role !== null && { roles: [role] }), instanceAdmin })
  }
  for (const { personId, role, ...row } of await members(db, idsOf('user', ids)))
    found.set(`user:${personId}`, memberPrincipal(personId, { workspaceId, role }, customGrant(row)))
  return found
}

async function liveKeys(db: Db, ids: readonly string[], now: string) {
  if (ids.length === 0) return []
  const keys = await db
    .selectFrom('apiKey as k')
    .leftJoin('role as r', 'r.name', 'k.role')
    .select(['k.id', 'k.permissions as scopes', 'k.role', 'k.instanceAdmin', 'k.expiresAt', 'k.retiresAt'])
    .select(['r.permissions', 'r.categories', 'r.labels'])
    .where('k.id', 'in', ids)
    .where('k.revokedAt', 'is', null)
    .execute()
  return keys.filter((key) => (worksUntil(key) ?? '9999') > now)
}

const members = async (db: Db, ids: readonly string[]) =>
  ids.length === 0
    ? []
    : db
        .selectFrom('member as m')
        .leftJoin('role as r', 'r.name', 'm.role')
        .select(['m.personId', 'm.role', 'r.permissions', 'r.categories', 'r.labels'])
        .where('m.personId', 'in', ids)
        .execute()

/**
 * Which person stands behind each principal: what is counted where people are counted and not keys. See `personBehind`.
 * @param db sees one workspace
 * @returns by the id of the principal, for each that was asked for
 */
export async function peopleBehind(db: Db, principals: readonly string[]): Promise<Map<string, string>> {
  const known = new Map<string, KeyOrigin>()
  for (let wanted = idsOf('key', principals); wanted.length > 0; ) {
    const origins = await originsOf(db, wanted)
    for (const { id, ...origin } of origins) known.set(`key:${id}`, origin)
    const makers = origins.flatMap(({ createdBy, rotatedFrom }) => [createdBy, ...(rotatedFrom ? [rotatedFrom] : [])])
    wanted = [...new Set(idsOf('key', makers))].filter((id) => !known.has(`key:${id}`))
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
