import type { AcrossWorkspaces } from '../../core/runtime.ts'
import type { Attempt, Sql } from './attempts.ts'
import type { Log } from './run.ts'
import type { Schedules } from './schedules.ts'
import { type Bury, giveUp } from './settlement.ts'
import { beatSql, killersSql, takeBackSql } from './statements.ts'
import type { Worker } from './worker.ts'

/** How often a worker gives a sign of life and looks for dead ones, milliseconds; and for how long one may give none, seconds. */
export const tendMs = 2_000
const silentSeconds = 15
/** So many workers may end while they run a job; then the job is thought to be the reason. */
const mostLost = 5

type Parts = Readonly<{
  query: Sql
  system: AcrossWorkspaces
  bury: Bury
  log: Log
  workers: ReadonlyMap<string, Worker>
  schedules: Schedules
}>

/** What a process does for the queue every few seconds: signs of life for what it holds; then, once it knows that the database answers, what others have left, and schedules. */
export const createTending = (parts: Parts) => async (): Promise<void> => {
  try {
    await beat(parts)
    await takeBack(parts)
    const fired = await parts.schedules.fire()
    for (const name of fired) parts.workers.get(name)?.wake()
  } catch (error) {
    parts.log('the queue had trouble', { error: (error as Error).message })
  }
}

async function beat({ query, workers }: Parts): Promise<void> {
  const held = [...workers.values()].flatMap((worker) => worker.held())
  if (held.length === 0) return
  const column = <K extends keyof Attempt>(key: K) => held.map((attempt) => attempt[key])
  const lost = new Set((await query<{ pair: string }>(beatSql, [column('name'), column('id'), column('attempt')])).map(({ pair }) => pair))
  if (lost.size > 0) for (const worker of workers.values()) worker.lost(lost)
}

async function takeBack(parts: Parts): Promise<void> {
  const { query, workers, log } = parts
  const values = [[...workers.keys()], silentSeconds, mostLost]
  const taken = (await query<{ name: string }>(takeBackSql, values)).map(({ name }) => name)
  if (taken.length > 0) log('jobs of a worker that gives no sign of life go to another', { jobs: taken.length })
  for (const name of new Set(taken)) workers.get(name)?.wake()
  for (const killer of await query<Pick<Attempt, 'name' | 'id' | 'attempt'>>(killersSql, values)) {
    log('a job was given up', { job: killer.name, id: killer.id })
    await giveUp(parts, killer, `${mostLost + 1} workers ended while they ran it.`)
  }
}
