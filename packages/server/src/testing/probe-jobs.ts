import { Type } from 'typebox'
import { onTestFinished } from 'vitest'
import type { Ctx } from '../core/context.ts'
import { type Job, type JobRun, job } from '../core/jobs.ts'
import { defineModule, type Module } from '../core/module.ts'
import { startTestApp, type TestApp, type TestDatabase } from './index.ts'

/** A job of one test: what it takes is a number, and what it does is told when it is made. */
export const probeJob = (
  run: (n: number, ctx: Ctx, run: JobRun) => Promise<void>,
  facts: Partial<Pick<Job, 'concurrency' | 'expireInSeconds' | 'retries' | 'schedule'>> = {},
) =>
  job({ name: 'probe.note', retries: 0, ...facts, payload: Type.Object({ n: Type.Integer() }), run: ({ n }, ctx, one) => run(n, ctx, one) })

export const probeModule = (...jobs: Job[]): Module => defineModule({ name: 'probe', endpoints: [], jobs })

/** An app that has these jobs as well, until the test ends. */
export async function appWith(jobs: readonly Job[], database?: TestDatabase): Promise<TestApp> {
  const app = await startTestApp({ extraModules: [probeModule(...jobs)], ...(database && { database }) })
  onTestFinished(() => app.stop())
  return app
}

export const defaultWorkspace = '00000000-0000-7000-8000-000000000001'

/** Somebody in a workspace. */
export const contextOf = ({ app }: TestApp, workspaceId = defaultWorkspace): Ctx =>
  app.runtime.contextFor({ id: 'somebody', workspaceId, permissions: new Set(['*']), instanceAdmin: false }, { requestId: 'request-7' })

export const enqueue = (ctx: Ctx, n: number, options = {}): Promise<void> =>
  ctx.transact((tx) => ctx.enqueue(tx, { name: 'probe.note' }, { n }, options))

/** A table for what jobs write. */
export async function ledgerOf({ database }: TestApp) {
  await database.query('create table if not exists ledger (n int, who text)')
  await database.query('grant all on ledger to ps_app, ps_system')
  return async () =>
    (await database.query<{ n: number; who: string }>('select n, who from ledger order by 1, 2')).map(({ n, who }) => `${n} ${who}`)
}

/** Something that others wait for until it is opened. */
export function gate() {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open: () => open() }
}
