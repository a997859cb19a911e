import { Type } from 'typebox'
import { job } from '../../core/jobs.ts'
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
