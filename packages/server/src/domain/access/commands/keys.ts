import { assertInstanceAdmin } from '../../../core/access.ts'
import { parseNetwork } from '../../../core/addresses.ts'
import type { Ctx } from '../../../core/context.ts'
import { AppError } from '../../../core/errors.ts'
import { between } from '../../../core/events.ts'
import { unprocessable } from '../../../core/problem.ts'
import {
  type ApiKey,
  assertOneBinding,
  assertRotatable,
  type CreateApiKey,
  defaultOverlapMs,
  futureTime,
  type RotateApiKey,
} from '../model/api-keys.ts'
import { keyRevoked, keyRotated } from '../model/events.ts'
import { KeyInvalid, RoleUnknown, WorkspaceNotFound } from '../model/failures.ts'
import { keyCreated, newKey } from '../model/keys.ts'
import { assertKnown, assertWithin, grantOf } from '../model/rights.ts'
import { builtInRole } from '../model/roles.ts'
import { keyStore } from '../store/keys.ts'
import { workspaceStore } from '../store/workspaces.ts'
import { insertKey } from '../store.ts'

export type MadeKey = ApiKey & { key: string }

/** Make a key. @throws KeyInvalid, RoleUnknown, PermissionUnknown (422), RightsExceeded (403), WorkspaceNotFound (404) */
export const createKey = ({ workspaceId, ...input }: CreateApiKey, ctx: Ctx): Promise<MadeKey> =>
  ctx.transact((tx) => {
    assertOneBinding(input)
    const there = workspaceId ?? ctx.workspaceId
    if (there !== ctx.workspaceId) assertInstanceAdmin(ctx.actor)
    return ctx.visit(tx, there, async (at) => {
      if (!(await workspaceStore(tx).exists(there))) throw new AppError(WorkspaceNotFound, `There is no workspace ${there}.`)
      const { name, role = null, scopes = [] } = input
      assertKnown(scopes, 'scopes', { all: true })
      const custom = await keyStore(tx).customRole(role)
      if (role !== null && !custom && !builtInRole(role))
        throw unprocessable(RoleUnknown, '/role', 'role.unknown', `There is no role "${role}".`)
      assertWithin(ctx.actor, grantOf({ role, scopes, custom }))
      const expiresAt = input.expiresAt === undefined ? null : futureTime(input.expiresAt, ctx.now())
      const allowedCidrs = input.allowedCidrs ? cidrsOf(input.allowedCidrs) : null
      return addKey(tx, at, { name, role, scopes: [...new Set(scopes)], expiresAt, allowedCidrs, instanceAdmin: false })
    })
  })

type Wanted = Pick<ApiKey, 'name' | 'role' | 'scopes' | 'expiresAt' | 'allowedCidrs' | 'instanceAdmin'>

async function addKey(tx: Parameters<typeof insertKey>[0], ctx: Ctx, wanted: Wanted): Promise<MadeKey> {
  const { scopes, ...fields } = wanted
  const id = ctx.newId()
  const key = newKey(id)
  const about = { id, workspaceId: ctx.workspaceId, createdBy: ctx.actor.id }
  await insertKey(tx, { ...fields, ...about, key, permissions: scopes, at: ctx.now() })
  const made: ApiKey = { ...wanted, ...about, createdAt: ctx.now(), lastUsedAt: null, revokedAt: null, retiresAt: null, rotatedTo: null }
  await ctx.emit(tx, between(null, made, [keyCreated(id, { name: wanted.name })]))
  return { ...made, key }
}

/** @throws KeyInvalid (422) with a pointer to what is no network */
function cidrsOf(cidrs: readonly string[]): string[] {
  const wrong = cidrs.findIndex((cidr) => !parseNetwork(cidr))
  if (wrong >= 0)
    throw unprocessable(
      KeyInvalid,
      `/allowedCidrs/${wrong}`,
      'key.cidr',
      `"${cidrs[wrong]}" is no network like 10.0.0.0/8 or 2001:db8::/32.`,
    )
  return [...new Set(cidrs)]
}

/**
 * A new key with the same rights; the old one goes on for the overlap.
 * @throws KeyNotFound (404), KeyNotLive (409), RightsExceeded (403): a new secret of a key is as good as its rights
 */
export const rotateKey = ({ id, overlapMs = defaultOverlapMs, expiresAt }: { id: string } & RotateApiKey, ctx: Ctx): Promise<MadeKey> =>
  ctx.transact(async (tx) => {
    const store = keyStore(tx)
    const old = await store.lock(id)
    const now = ctx.now()
    assertRotatable(old, now)
    if (old.instanceAdmin) assertInstanceAdmin(ctx.actor)
    assertWithin(ctx.actor, grantOf({ ...old, custom: await store.customRole(old.role) }))
    const { name, role, scopes, allowedCidrs, instanceAdmin } = old
    const until = expiresAt === undefined ? old.expiresAt : futureTime(expiresAt, now)
    const made = await addKey(tx, ctx, { name, role, scopes, allowedCidrs, instanceAdmin, expiresAt: until })
    const end = overlapMs === 0 ? { revokedAt: now } : { retiresAt: new Date(Date.parse(now) + overlapMs).toISOString() }
    await store.end(id, { ...end, rotatedTo: made.id })
    await ctx.emit(tx, between(old, { ...old, ...end, rotatedTo: made.id }, [keyRotated(id, { name, to: made.id })]))
    return made
  })

/** End a key now; one that has been revoked stays so. @throws KeyNotFound (404) */
export const revokeKey = ({ id }: { id: string }, ctx: Ctx): Promise<void> =>
  ctx.transact(async (tx) => {
    const store = keyStore(tx)
    const key = await store.lock(id)
    if (key.instanceAdmin) assertInstanceAdmin(ctx.actor)
    if (key.revokedAt !== null) return
    const revokedAt = ctx.now()
    await store.end(id, { revokedAt })
    await ctx.emit(tx, between(key, { ...key, revokedAt }, [keyRevoked(id, { name: key.name })]))
  })
