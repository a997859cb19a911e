import type { Principal } from './access.ts'
import type { Ctx } from './context.ts'
import type { Runtime } from './runtime.ts'

/** What work needs that goes on when its request is over and acts for whoever asked for it, with the rights that they have by then. */
export type Acting = Readonly<{
  contextFor: Runtime['contextFor']
  /** What principals may do now, by their ids; one that may do nothing any more is not in it. */
  presence(ids: readonly string[], there: Pick<Ctx, 'workspaceId' | 'now'>): Promise<ReadonlyMap<string, Principal>>
}>
