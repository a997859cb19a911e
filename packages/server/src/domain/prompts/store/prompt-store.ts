import { sql } from 'kysely'
import type { Db } from '../../../core/db.ts'
import { AppError } from '../../../core/errors.ts'
import { NameTaken, PromptNotFound, VersionNotFound } from '../model/failures.ts'
import type { By, Move, State, VersionState } from '../model/prompt.ts'
import { assertNotRedacted } from '../model/redaction.ts'
import type { Approval, Label } from '../model/shapes.ts'
import '../tables.ts'

const columns = [
  'id',
  'category',
  'name',
  'description',
  'type',
  'tags',
  'metadata',
  'isTemplate',
  'status',
  'version',
  'revision',
  'parentPromptId',
  'parentVersion',
  'createdBy',
  'createdAt',
  'updatedAt',
  'deletedAt',
] as const

/** How long an old name goes on serving after a rename. */
const formerNameMs = 90 * 24 * 3_600_000

/** SQL of the write side: load one, save one. Screens read in queries. */
export const promptStore = (tx: Db) => ({
  /**
   * Lock a prompt's row: late writers queue, they do not fail. Not its key: who stores a reference to it need not wait.
   * @throws PromptNotFound, also for a deleted one unless asked for */
  lock: (id: string, { deleted = false } = {}): Promise<State> => load(tx, id, { deleted, lock: true }),

  /** Read a prompt without locking it. @throws PromptNotFound, also for a deleted one */
  get: (id: string): Promise<State> => load(tx, id, { deleted: false, lock: false }),

  /** @throws VersionNotFound; VersionRedacted (410) unless its empty remains will do */
  async version(promptId: string, number: number, { redacted = false } = {}): Promise<VersionState> {
    const row = await tx
      .selectFrom('promptVersion')
      .select([
        'version',
        'engine',
        'content',
        'variables',
        'config',
        'checksum',
        'changeSummary',
        'changeType',
        'metadata',
        'createdBy',
        'createdAt',
        'redaction',
      ])
      .where('promptId', '=', promptId)
      .where('version', '=', number)
      .executeTakeFirst()
    if (!row) throw new AppError(VersionNotFound, `The prompt has no version ${number}.`)
    if (!redacted) assertNotRedacted(row)
    const { engine, content, variables, config, ...rest } = row
    return { ...rest, body: { type: typeof content === 'string' ? 'text' : 'chat', engine, content, variables, config } }
  },

  /** @throws NameTaken (409) when a live prompt has its name */
  async save(next: State): Promise<void> {
    const { id, parent: _parent, labels: _labels, createdBy: _by, createdAt: _at, checksum: _sum, metadata, tags, ...row } = next
    try {
      await tx
        .updateTable('prompt')
        .set({ ...row, tags: [...tags], metadata: JSON.stringify(metadata) })
        .where('id', '=', id)
        .execute()
    } catch (error) {
      if ((error as { constraint?: string }).constraint !== 'prompt_by_name') throw error
      throw new AppError(
        NameTaken,
        `"${next.category}/${next.name}" belongs to another prompt. Choose another name, or rename that one first.`,
      )
    }
  },

  /** Let a version be what is left of it. */
  async redactVersion(promptId: string, { version, body, checksum, changeSummary, metadata, redaction }: VersionState): Promise<void> {
    const text = { content: JSON.stringify(body.content), variables: JSON.stringify(body.variables), config: JSON.stringify(body.config) }
    await tx
      .updateTable('promptVersion')
      .set({ ...text, checksum, changeSummary, metadata: JSON.stringify(metadata), redaction: JSON.stringify(redaction) })
      .where('promptId', '=', promptId)
      .where('version', '=', version)
      .execute()
  },

  /** Who has approved a version is shown with it; it changes nothing of the version itself. */
  async noteApprovals(promptId: string, version: number, approvals: readonly Approval[]): Promise<void> {
    await tx
      .updateTable('promptVersion')
      .set({ approvals: JSON.stringify(approvals) })
      .where('promptId', '=', promptId)
      .where('version', '=', version)
      .execute()
  },

  async addVersion(promptId: string, { body, metadata, redaction: _none, ...version }: VersionState): Promise<void> {
    await tx
      .insertInto('promptVersion')
      .values({
        ...version,
        promptId,
        engine: body.engine,
        content: JSON.stringify(body.content),
        variables: JSON.stringify(body.variables),
        config: JSON.stringify(body.config),
        metadata: JSON.stringify(metadata),
      })
      .execute()
  },

  /** Put labels where they belong now, and write down the moves. */
  async applyMoves(promptId: string, moves: readonly Move[], by: By): Promise<void> {
    const gone = moves.filter((move) => move.to === null).map(({ label }) => label)
    const set = moves.flatMap(({ label, to }) => (to === null ? [] : [{ promptId, label, version: to }]))
    if (gone.length > 0) await tx.deleteFrom('promptLabel').where('promptId', '=', promptId).where('label', 'in', gone).execute()
    if (set.length > 0)
      await tx
        .insertInto('promptLabel')
        .values(set)
        .onConflict((c) => c.columns(['workspaceId', 'promptId', 'label']).doUpdateSet((e) => ({ version: e.ref('excluded.version') })))
        .execute()
    await tx
      .insertInto('promptLabelMove')
      .values(
        moves.map(({ label, from, to, reason }) => ({
          promptId,
          label,
          fromVersion: from,
          toVersion: to,
          reason,
          movedBy: by.actor,
          movedAt: by.at,
        })),
      )
      .execute()
  },

  /** Let an old name go on serving; a name that is taken again stops being a former one. */
  async keepFormerName(promptId: string, former: { category: string; name: string }, at: string): Promise<void> {
    const expiresAt = new Date(Date.parse(at) + formerNameMs).toISOString()
    await tx
      .insertInto('promptFormerName')
      .values({ ...former, promptId, expiresAt })
      .onConflict((c) => c.columns(['workspaceId', 'category', 'name']).doUpdateSet({ promptId, expiresAt }))
      .execute()
  },

  async forgetFormerName({ category, name }: { category: string; name: string }): Promise<void> {
    await tx.deleteFrom('promptFormerName').where('category', '=', category).where('name', '=', name).execute()
  },

  lastMove: (promptId: string, label: Label) =>
    tx
      .selectFrom('promptLabelMove')
      .select(['fromVersion', 'toVersion'])
      .where('promptId', '=', promptId)
      .where('label', '=', label)
      .orderBy('id', 'desc')
      .limit(1)
      .executeTakeFirst(),
})
export type PromptStore = ReturnType<typeof promptStore>

async function load(tx: Db, id: string, { deleted, lock }: { deleted: boolean; lock: boolean }): Promise<State> {
  const query = tx.selectFrom('prompt').select(columns).where('id', '=', id)
  const row = await (lock ? query.forNoKeyUpdate() : query).executeTakeFirst()
  if (!row || (row.deletedAt !== null && !deleted)) throw new AppError(PromptNotFound, `There is no prompt ${id}.`)
  const { labels, checksum } = await labelsAndChecksum(tx, row)
  const { parentPromptId, parentVersion, ...state } = row
  const parent = parentPromptId && parentVersion ? { promptId: parentPromptId, version: parentVersion } : null
  return { ...state, checksum, parent, labels }
}

/** Asked for after the row is locked, or what was committed while we waited would not be seen. */
async function labelsAndChecksum(tx: Db, { id, version }: { id: string; version: number }): Promise<Pick<State, 'labels' | 'checksum'>> {
  const { rows } = await sql<Pick<State, 'labels' | 'checksum'>>`
    select checksum, (select coalesce(json_object_agg(label, version order by label), '{}') from prompt_label where prompt_id = ${id}) as labels
    from prompt_version where prompt_id = ${id} and version = ${version}`.execute(tx)
  return rows[0]!
}
