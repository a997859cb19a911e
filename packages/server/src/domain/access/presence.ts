import type { Principal } from '../../core/access.ts'
import type { Db } from '../../core/db.ts'
import { defaultWorkspaceId, installationPrincipal } from './model/keys.ts'
import { findActor, type There } from './queries/subjects.ts'

/**
 * What principals may do now, whatever they might when they did something: for work that goes on when its request is over,
 * and for what counts only as long as who said it may say so.
 * @param db one workspace, or across them
 * @param ids as `ctx.actor.id` has them
 * @returns by the id that was asked for. Not in it: keys that are revoked or have ended, unless another took their place;
 * people who are no members any more; the callers of open mode once it is over
 */
export type Presence = (db: Db, ids: readonly string[], there: There) => Promise<ReadonlyMap<string, Principal>>

/** Keys in a row that took each other's place and are followed. */
const mostRotations = 100

/** @param installation whether it has a bootstrap key, and whether it serves without any key */
export function createPresence(installation: Readonly<{ hasBootstrapKey: boolean; isOpen(): Promise<boolean> }>): Presence {
  const present = async (db: Db, id: string, there: There): Promise<Principal | undefined> => {
    const own = installationPrincipal(id)
    if (!own) return presentActor(db, id, there)
    const isThere = id === 'bootstrap' ? installation.hasBootstrapKey : await installation.isOpen()
    return isThere && there.workspaceId === defaultWorkspaceId ? own : undefined
  }
  return async (db, ids, there) => {
    const found = new Map<string, Principal>()
    for (const id of new Set(ids)) {
      const principal = await present(db, id, there)
      if (principal) found.set(id, { ...principal, instanceAdmin: false }) // nobody administers the installation by leaving work behind
    }
    return found
  }
}

/** A key that was rotated lives on in the one that took its place. */
async function presentActor(db: Db, actor: string, there: There): Promise<Principal | undefined> {
  let at: string | undefined = actor
  for (let followed = 0; at !== undefined && followed <= mostRotations; followed++) {
    const found: Awaited<ReturnType<typeof findActor>> = await findActor(db, at, there)
    if (!found || found.ended === undefined) return found?.principal
    at = found.successor ? `key:${found.successor}` : undefined
  }
  return undefined
}
