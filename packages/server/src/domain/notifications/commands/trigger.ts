import type { Ctx } from '../../../core/context.ts'
import { eventIdOf } from '../../../core/events.ts'
import { lastTold } from '../../../core/feed/log.ts'
import { type CustomEvent, customEvent } from '../model/events.ts'

export type Triggered = Readonly<{ id: string; type: string; subject: string; timestamp: string }>

/** Tell an event of the caller's own. @throws EventTooLarge (413) */
export function trigger(input: CustomEvent, ctx: Ctx): Promise<Triggered> {
  const event = customEvent(input, ctx.workspaceId)
  return ctx.transact(async (tx) => {
    await ctx.emit(tx, [event])
    const told = await lastTold(tx)
    return { id: eventIdOf(told), type: event.type, subject: event.subject, timestamp: told.createdAt }
  })
}
