import type { Static, TSchema } from 'typebox'
import type { Ctx } from './context.ts'

/** Slow or delayed work as one value: what it takes, how often it is tried, and what it does. */
export type Job<S extends TSchema = TSchema> = Readonly<{
  /** Unique, `context.verb_noun`. */
  name: string
  payload: S
  /** How often it is tried again after a failure, with growing pauses. */
  retries: number
  /** Seconds after which a run counts as dead and another worker takes over. */
  expireInSeconds?: number
  /** Cron (UTC): run by one worker of the cluster each time, in the default workspace. */
  schedule?: string
  /** Throwing means "try again"; it must bear to be run twice. */
  run(payload: Static<S>, ctx: Ctx): Promise<void>
}>

export const job = <S extends TSchema>(spec: Job<S>): Job => spec as unknown as Job
