import type { Ctx } from '../../../core/context.ts'
import { countLogged } from '../../../core/feed/log.ts'
import type { Visibility } from '../model/visibility.ts'
import { logEnds } from './cursor.ts'

export type LogStats = { total: number; byType: { type: string; count: number }[]; oldest: string | null; newest: string | null }

/** What the log holds, of what the caller is told. */
export const countEvents = (visible: Visibility, ctx: Ctx): Promise<LogStats> =>
  ctx.read(async (db) => {
    const { start } = await logEnds(db)
    const counted = await countLogged(db, start, visible)
    return {
      total: counted.reduce((sum, { count }) => sum + count, 0),
      byType: counted.map(({ type, count }) => ({ type, count })),
      oldest: counted.map(({ oldest }) => oldest).sort()[0] ?? null,
      newest:
        counted
          .map(({ newest }) => newest)
          .sort()
          .at(-1) ?? null,
    }
  })
