import { Type } from 'typebox'
import type { Ctx } from '../../core/context.ts'
import { type Job, job } from '../../core/jobs.ts'
import './tables.ts'

/** Former names stop serving by themselves; this takes their rows away. */
export const purgeFormerNames = job({
  name: 'prompts.purge_former_names',
  payload: Type.Object({}),
  retries: 3,
  schedule: '27 3 * * *',
  run: (_payload, ctx) =>
    ctx.system(async (db) => void (await db.deleteFrom('promptFormerName').where('expiresAt', '<', ctx.now()).execute())),
})

/** A reader that began before a redaction may still write into the shared cache, but not after this long. Milliseconds. */
const settledMs = 30_000

/** Texts that were removed for good leave the shared cache, once nobody can put them there again: within two minutes. */
export const purgeRedacted = (forget: (workspaceId: string, checksum: string) => Promise<void>): Job =>
  job({
    name: 'prompts.purge_redacted',
    payload: Type.Object({}),
    retries: 3,
    schedule: '* * * * *',
    run: (_payload, ctx) => purge(forget, ctx),
  })

async function purge(forget: (workspaceId: string, checksum: string) => Promise<void>, ctx: Ctx): Promise<void> {
  const before = new Date(Date.parse(ctx.now()) - settledMs).toISOString()
  const due = await ctx.system((db) =>
    db
      .selectFrom('promptRedaction')
      .select(['workspaceId', 'id', 'purgeChecksum'])
      .where('purgeChecksum', 'is not', null)
      .where('decidedAt', '<', before)
      .limit(1_000)
      .execute(),
  )
  for (const { workspaceId, id, purgeChecksum } of due) {
    await forget(workspaceId, purgeChecksum!)
    await ctx.system((db) =>
      db.updateTable('promptRedaction').set({ purgeChecksum: null }).where('workspaceId', '=', workspaceId).where('id', '=', id).execute(),
    )
  }
}
