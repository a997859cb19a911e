import { sql } from 'kysely'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { AppError } from '../../../core/errors.ts'
import { pageSize } from '../../../core/page.ts'
import { RequestInvalid } from '../../../core/problem.ts'
import type { Page } from '../../../core/schemas.ts'
import { type Drift, driftBetween, type Profile, profileOf } from '../model/drift.ts'
import { type DriftInUse, type DriftWindows, driftWindows, type UseDrift } from '../model/drift-in-use.ts'
import { PromptNotFound, VersionNotFound } from '../model/failures.ts'
import type { Version, VersionNumber } from '../model/shapes.ts'
import '../tables.ts'

export type GetDrift = Readonly<{
  id: string
  from?: VersionNumber | undefined
  to?: VersionNumber | undefined
  limit?: number | undefined
  cursor?: string | undefined
}> & { [K in keyof DriftWindows]?: number | undefined }

/** Characters of text after which a page ends: what is compared in one request stays under about a second of work. */
const maxCharacters = 2 * 1024 * 1024

export type DriftView = Page<Drift> & { overall?: Drift; inUse?: DriftInUse }

/**
 * What changed from each version to the next, the latest change first; on the first page also from the first to the last
 * of them, and in use. A page may be shorter than asked for where the texts are long. Each version is read and looked at by itself,
 * so that others are served in between.
 * @param inUse tells how use has changed
 */
export async function getDrift(input: GetDrift, ctx: Ctx, inUse: UseDrift): Promise<DriftView> {
  const view = await changes(input, ctx)
  if (input.cursor !== undefined) return view
  const { recentDays = driftWindows.recentDays, baselineDays = driftWindows.baselineDays } = input
  const told = await inUse({ promptId: input.id, recentDays, baselineDays }, ctx)
  return told ? { ...view, inUse: told } : view
}

async function changes({ id, from = 1, to, limit, cursor }: GetDrift, ctx: Ctx): Promise<DriftView> {
  const scope = `drift ${id} ${from} ${to ?? ''}`
  const position = cursor === undefined ? undefined : ctx.cursors.decode(scope, cursor)
  return ctx.read(async (db) => {
    const newest = await newestVersion(db, id)
    // A walk goes on within what was there when it began.
    const last = Math.min(to ?? Number(position?.[1] ?? newest), newest)
    assertRange(from, to, newest)
    const profiles: Profile[] = []
    let characters = 0
    const read = async (version: number) => {
      const profile = await findProfile(db, id, version)
      characters += profile.characters
      return profile
    }
    let version = position === undefined ? last : Number(position[0])
    if (version > from) profiles.push(await read(version))
    while (version > from && profiles.length <= pageSize(limit) && (profiles.length < 2 || characters < maxCharacters))
      profiles.push(await read(--version))
    const items = profiles.slice(1).map((older, i) => driftBetween(older, profiles[i]!))
    const done = version <= from
    const overall =
      position === undefined && items.length > 0 ? driftBetween(done ? profiles.at(-1)! : await read(from), profiles[0]!) : undefined
    return {
      items,
      nextCursor: done ? null : ctx.cursors.encode(scope, [version, last]),
      ...(overall && { overall }),
    }
  })
}

/** @throws RequestInvalid (400) for a range that goes backwards, VersionNotFound for one that ends behind the newest version */
function assertRange(from: number, to: number | undefined, newest: number): void {
  if (to !== undefined && from >= to)
    throw new AppError(RequestInvalid, 'A range goes from an earlier version to a later one.', {
      errors: [{ pointer: '?from', code: 'query.range', detail: 'It must be lower than to.' }],
    })
  const missing = [from, to ?? from].find((version) => version > newest)
  if (missing !== undefined) throw new AppError(VersionNotFound, `The prompt has no version ${missing}; its newest is ${newest}.`)
}

async function newestVersion(db: Db, id: string): Promise<number> {
  const found = await db.selectFrom('prompt').select('version').where('id', '=', id).where('deletedAt', 'is', null).executeTakeFirst()
  if (!found) throw new AppError(PromptNotFound, `There is no prompt ${id}.`)
  return found.version
}

async function findProfile(db: Db, id: string, version: number): Promise<Profile> {
  const { rows } = await sql<Pick<Version, 'version' | 'createdAt' | 'content' | 'variables'>>`
    select v.version, v.created_at, v.content, v.variables from prompt_version v where v.prompt_id = ${id} and v.version = ${version}`.execute(
    db,
  )
  return profileOf(rows[0]!)
}
