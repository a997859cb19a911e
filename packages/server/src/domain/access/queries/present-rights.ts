import type { Principal } from '../../../core/access.ts'
import type { Db } from '../../../core/db.ts'
import { worksUntil } from '../model/api-keys.ts'
import { defaultWorkspaceId } from '../model/keys.ts'
import { grantOf } from '../model/rights.ts'
import { compileRights } from '../model/roles.ts'
import { memberPrincipal } from '../model/sessions.ts'
import { customGrant, noKeyExists } from '../queries.ts'
import '../tables.ts'

/** What a principal may do now; `gone` says why it may do nothing any more. */
export type PresentRights = Readonly<{ principal: Principal; gone?: undefined }> | Readonly<{ principal?: undefined; gone: string }>

/** Rotations in a row that are followed. */
const mostRotations = 100

/**
 * Somebody's rights in a workspace as they are now, for work that goes on without them.
 * @param db across workspaces
 * @param asked.id of the principal, as `actor` has it: `user:…`, `key:…`, `bootstrap`, `open`
 * @param asked.hasBootstrap whether the installation has a bootstrap key
 */
export async function presentRights(
  db: Db,
  { id, workspaceId, now, hasBootstrap }: { id: string; workspaceId: string; now: string; hasBootstrap: boolean },
): Promise<PresentRights> {
  const [kind = '', own = ''] = id.split(':')
  if (kind === 'user') return rightsOfMember(db, own, workspaceId)
  if (kind === 'key') return rightsOfKey(db, own, workspaceId, now)
  const isOpen = id === 'open' && !hasBootstrap && (await noKeyExists(db))
  const isBootstrap = id === 'bootstrap' && hasBootstrap
  if ((isOpen || isBootstrap) && workspaceId === defaultWorkspaceId)
    return { principal: { id, workspaceId, permissions: new Set(['*']), roles: ['owner'], instanceAdmin: false } }
  return { gone: id === 'open' ? 'it was saved without a key, and the service is not open any more' : 'who saved it is not known any more' }
}

async function rightsOfMember(db: Db, personId: string, workspaceId: string): Promise<PresentRights> {
  const row = await db
    .selectFrom('member as m')
    .leftJoin('role as r', (on) => on.onRef('r.workspaceId', '=', 'm.workspaceId').onRef('r.name', '=', 'm.role'))
    .select(['m.role', 'r.permissions', 'r.categories', 'r.labels'])
    .where('m.workspaceId', '=', workspaceId)
    .where('m.personId', '=', personId)
    .executeTakeFirst()
  if (!row) return { gone: 'who saved it is not a member of the workspace any more' }
  return { principal: memberPrincipal(personId, { workspaceId, role: row.role }, customGrant(row)) }
}

/** A key that was rotated lives on in the one that took its place. */
async function rightsOfKey(db: Db, keyId: string, workspaceId: string, now: string): Promise<PresentRights> {
  let id: string | null = keyId
  for (let followed = 0; id !== null && followed < mostRotations; followed++) {
    const row: KeyRow | undefined = await findKeyRow(db, id, workspaceId)
    if (!row) break
    const until = worksUntil(row)
    if (row.revokedAt === null && (until === null || now < until)) {
      const { role, scopes } = row
      const rights = compileRights([grantOf({ role, scopes, custom: customGrant(row) })])
      return { principal: { id: `key:${id}`, workspaceId, ...rights, ...(role !== null && { roles: [role] }), instanceAdmin: false } }
    }
    id = row.rotatedTo
  }
  return { gone: 'the key that saved it has ended' }
}

type KeyRow = NonNullable<Awaited<ReturnType<typeof findKeyRow>>>

const findKeyRow = (db: Db, id: string, workspaceId: string) =>
  db
    .selectFrom('apiKey as k')
    .leftJoin('role as r', (on) => on.onRef('r.workspaceId', '=', 'k.workspaceId').onRef('r.name', '=', 'k.role'))
    .select(['k.role', 'k.permissions as scopes', 'k.revokedAt', 'k.expiresAt', 'k.retiresAt', 'k.rotatedTo'])
    .select(['r.permissions', 'r.categories', 'r.labels'])
    .where('k.id', '=', id)
    .where('k.workspaceId', '=', workspaceId)
    .executeTakeFirst()
