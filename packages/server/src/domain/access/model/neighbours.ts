import type { Ctx } from '../../../core/context.ts'

/** What access asks of prompts, which it does not know. */
export type Neighbours = Readonly<{
  /** The category of a prompt that the caller may see; undefined: there is none. */
  categoryOf(promptId: string, ctx: Ctx): Promise<string | undefined>
  /** Labels that stand on some version, in order. @param after only those that come after this one */
  labelsInUse(after: string, limit: number, ctx: Ctx): Promise<string[]>
}>
