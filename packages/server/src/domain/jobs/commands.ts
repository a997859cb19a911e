import type { Ctx } from '../../core/context.ts'
import type { Db } from '../../core/db.ts'
import { AppError } from '../../core/errors.ts'
import { JobNotFound, JobNotRunnable, jobDiscarded, jobRetried, type Origin } from './model.ts'
import { takeDead } from './store.ts'

/** What this context asks of the queue. */
export type JobQueue = Readonly<{
  send(tx: Db, name: string, payload: object, by: Origin): Promise<void>
  knows(name: string): boolean
}>

async function take(tx: Db, id: string) {
  const dead = await takeDead(tx, id)
  if (!dead)
    throw new AppError(JobNotFound, `There is no dead letter ${id}; it may have been run again, thrown away, or removed for its age.`)
  return dead
}

/** Run a dead letter again, with all its tries, for whoever enqueued it first. @throws JobNotFound, JobNotRunnable */
export const retryDead = (queue: JobQueue, { id }: { id: string }, ctx: Ctx): Promise<{ name: string }> =>
  ctx.transact(async (tx) => {
    const { name, payload, origin } = await take(tx, id)
    if (!queue.knows(name))
      throw new AppError(
        JobNotRunnable,
        `No job is called "${name}" in this version of the service. Throw the dead letter away, or run the version that has it.`,
      )
    await queue.send(tx, name, payload, origin)
    await ctx.emit(tx, [jobRetried(id, { name })])
    return { name }
  })

/** Throw a dead letter away. @throws JobNotFound */
export const discardDead = ({ id }: { id: string }, ctx: Ctx): Promise<void> =>
  ctx.transact(async (tx) => {
    const { name } = await take(tx, id)
    await ctx.emit(tx, [jobDiscarded(id, { name })])
  })
