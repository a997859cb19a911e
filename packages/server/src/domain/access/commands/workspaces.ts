import type { Ctx } from '../../../core/context.ts'
import { AppError } from '../../../core/errors.ts'
import { between } from '../../../core/events.ts'
import { assertIfMatch } from '../../../core/http/headers.ts'
import { workspaceCreated, workspaceUpdated } from '../model/events.ts'
import { WorkspaceNotFound } from '../model/failures.ts'
import type { Workspace } from '../model/workspaces.ts'
import { workspaceStore } from '../store/workspaces.ts'

/** Make a workspace. It has neither keys nor members: its maker makes the first key, by `workspaceId`. */
export const createWorkspace = ({ name }: { name: string }, ctx: Ctx): Promise<Workspace> =>
  ctx.transact((tx) => {
    const id = ctx.newId()
    return ctx.visit(tx, id, async (there) => {
      const made: Workspace = { id, name, createdBy: ctx.actor.id, createdAt: ctx.now(), updatedAt: null, revision: 1 }
      await workspaceStore(tx).add(made)
      await there.emit(tx, between(null, made, [workspaceCreated(id, { name })]))
      return made
    })
  })

export type UpdateWorkspace = Readonly<{ id: string; name?: string | undefined; ifMatch?: readonly string[] | undefined }>

/** Rename a workspace: one's own, or any as administrator of the installation. @throws WorkspaceNotFound (404) */
export const updateWorkspace = ({ id, name, ifMatch }: UpdateWorkspace, ctx: Ctx): Promise<Workspace> =>
  ctx.transact((tx) => {
    if (id !== ctx.workspaceId && !ctx.actor.instanceAdmin) throw new AppError(WorkspaceNotFound, `There is no workspace ${id}.`)
    return ctx.visit(tx, id, async (there) => {
      const store = workspaceStore(tx)
      const state = await store.lock(id)
      assertIfMatch(ifMatch, String(state.revision))
      if (name === undefined || name === state.name) return state
      const next: Workspace = { ...state, name, updatedAt: ctx.now(), revision: state.revision + 1 }
      await store.save(next)
      await there.emit(tx, between(state, next, [workspaceUpdated(id, { name })]))
      return next
    })
  })
