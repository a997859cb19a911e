import { type RawBuilder, sql } from 'kysely'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { type Paged, stepOf } from '../../../core/page.ts'
import type { Page } from '../../../core/schemas.ts'
import { allPrompts, promptFacts } from '../../prompts/index.ts'
import { categoriesFor, mayTouch } from '../model/access.ts'
import { control, type Experiment, mostRunning, type Status } from '../model/experiment.ts'
import { notThere } from '../model/failures.ts'
import { columns, experimentStore, testOf } from '../store/experiments.ts'

/** @throws ABTestNotFound (404), also for a test that is not for the caller to see */
export async function getTest({ id }: { id: string }, ctx: Ctx): Promise<Experiment> {
  const found = await ctx.readAll((db) => findWithCategory(db, id))
  if (!found || !mayTouch(ctx.actor, 'abtests:read', found.category)) throw notThere(id)
  return found.test
}

/** A test that the caller may do that to. @throws ABTestNotFound (404) */
export async function findTest({ id }: { id: string }, ctx: Ctx, access: string): Promise<Experiment> {
  const found = await ctx.readAll((db) => findWithCategory(db, id))
  if (!found || !mayTouch(ctx.actor, access, found.category)) throw notThere(id)
  return found.test
}

/** A test, whoever may see it, with the category of its control's prompt. */
async function findWithCategory(db: Db, id: string): Promise<{ test: Experiment; category: string } | undefined> {
  const test = await experimentStore(db).find(id)
  if (!test) return undefined
  const [facts] = await promptFacts(db, [control(test).promptId])
  return { test, category: facts?.category ?? '' }
}

export type ListTests = Paged & Readonly<{ status?: Status | undefined; q?: string | undefined }>

/** The newest first. */
export function listTests({ status, q, ...paged }: ListTests, ctx: Ctx): Promise<Page<Experiment>> {
  const categories = categoriesFor(ctx.actor, 'abtests:read')
  const conditions: RawBuilder<boolean>[] = [
    ...(status === undefined ? [] : [sql<boolean>`t.status = ${status}`]),
    ...(q === undefined ? [] : [sql<boolean>`position(lower(${q}) in lower(t.name)) > 0`]),
    ...(categories === undefined
      ? []
      : [sql<boolean>`exists (select 1 from ${allPrompts} p where p.id = t.control_id and p.category = any(${[...categories]}::text[]))`]),
  ]
  const walk = stepOf(`ab-tests ${JSON.stringify([status ?? null, q ?? null])}`, paged, ctx)
  return ctx.readAll(async (db) => {
    const matching = db.selectFrom('abTest as t').where((e) => e.and(conditions.map((condition) => condition)))
    const rows = await matching
      .select(columns)
      .$if(walk.after !== undefined, (query) => query.where('t.id', '<', String(walk.after?.[0])))
      .orderBy('t.id', 'desc')
      .limit(walk.take)
      .execute()
    const count = async () => (await matching.select((e) => e.fn.countAll<number>().as('count')).executeTakeFirstOrThrow()).count
    return walk.page(
      rows.map(testOf),
      (last) => [last.id],
      async () => Number(await count()),
    )
  })
}

/** How a running test is told where all are wanted; it may run on a label of its control's prompt. */
export type Going = Readonly<{ id: string; name: string; controlId: string; overlayLabel: string | null }>

/** All that run, the newest start first; some more than `mostRunning` where many were started at the same moment. */
export const listRunning = (db: Db): Promise<Going[]> =>
  db
    .selectFrom('abTest')
    .select(['id', 'name', 'controlId', sql<string | null>`design ->> 'overlayLabel'`.as('overlayLabel')])
    .where('status', '=', 'running')
    .orderBy('startedAt', 'desc')
    .orderBy('id', 'desc')
    .limit(2 * mostRunning)
    .execute()

/** The tests of a name, 100 at most: those that run, the newest start first, then the others, the newest first. */
export async function findByName(db: Db, name: string): Promise<string[]> {
  const rows = await db
    .selectFrom('abTest')
    .select('id')
    .where('name', '=', name)
    .orderBy(sql`status <> 'running'`)
    .orderBy(sql`started_at desc nulls last`)
    .orderBy('id', 'desc')
    .limit(100)
    .execute()
  return rows.map(({ id }) => id)
}
