import { sql } from 'kysely'
import type { Db } from '../../../core/db.ts'
import { forgetAnswers } from '../../../core/idempotency.ts'
import { forgetTold } from '../../../core/outbox.ts'
import { versionCreated } from '../model/events.ts'
import type { By } from '../model/prompt.ts'
import type { Place, RedactionRequest } from '../model/redaction.ts'
import type { Body, VersionNumber } from '../model/shapes.ts'
import '../tables.ts'

const columns = [
  'id',
  'promptId',
  'version',
  'reason',
  'status',
  'requestedBy',
  'requestedAt',
  'expiresAt',
  'decidedBy',
  'decidedAt',
] as const

type Decision = Readonly<{ id: string; status: RedactionRequest['status']; purgeChecksum?: string }>

/** Reads and writes requests to redact; the caller holds the prompt's row. */
export const redactionStore = (tx: Db) => ({
  /** The request that waits for another person. */
  find: (promptId: string, version: VersionNumber, at: string): Promise<RedactionRequest | undefined> =>
    tx
      .selectFrom('promptRedaction')
      .select(columns)
      .where('promptId', '=', promptId)
      .where('version', '=', version)
      .where('status', '=', 'requested')
      .where('expiresAt', '>', at)
      .executeTakeFirst(),

  /** Requests that nobody confirmed in time give way to new ones. */
  async expire(promptId: string, version: VersionNumber, at: string): Promise<void> {
    await tx
      .updateTable('promptRedaction')
      .set({ status: 'expired', decidedAt: at })
      .where('promptId', '=', promptId)
      .where('version', '=', version)
      .where('status', '=', 'requested')
      .where('expiresAt', '<=', at)
      .execute()
  },

  async add(request: RedactionRequest): Promise<void> {
    await tx
      .insertInto('promptRedaction')
      .values({ ...request, purgeChecksum: null })
      .execute()
  },

  /** @param purgeChecksum the key of the text in shared caches, which a job deletes there */
  async decide({ id, status, purgeChecksum }: Decision, by: By): Promise<void> {
    await tx
      .updateTable('promptRedaction')
      .set({ status, decidedBy: by.actor, decidedAt: by.at, purgeChecksum: purgeChecksum ?? null })
      .where('id', '=', id)
      .execute()
  },

  /** Other versions of the workspace, of deleted prompts too, with the identical content; of the same prompt also with its config or variables. */
  async sameText(promptId: string, version: VersionNumber, { content, config, variables }: Body): Promise<Place[]> {
    const { rows } = await sql<Place>`
      select * from (
        select v.prompt_id, p.category, p.name, v.version, array_remove(array[
          case when v.content = ${JSON.stringify(content)}::jsonb then 'content' end,
          case when v.prompt_id = ${promptId} and v.config = ${JSON.stringify(config)}::jsonb and v.config <> '{}' then 'config' end,
          case when v.prompt_id = ${promptId} and v.variables = ${JSON.stringify(variables)}::jsonb and v.variables <> '[]' then 'variables' end
        ], null) as fields
        from prompt_version v join prompt p on p.id = v.prompt_id
        where (v.prompt_id, v.version) <> (${promptId}::uuid, ${version}::int)) s
      where cardinality(fields) > 0 order by category, name, version`.execute(tx)
    return rows
  },

  /** What core keeps that holds the text, or its unsalted checksum: stored answers, and the event that told of the version in releases that told it. */
  async forgetTraces(promptId: string, version: VersionNumber): Promise<void> {
    await forgetAnswers(tx, promptId)
    await forgetTold(tx, promptId, versionCreated.type, { version }, 'checksum')
  },
})
