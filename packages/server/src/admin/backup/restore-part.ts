import pg from 'pg'
import { pokeSql } from '../../core/feed/sql.ts'
import { newId } from '../../core/ids.ts'
import { appendEvents } from '../../core/outbox.ts'
import { handleOf } from '../../infrastructure/postgres/database.ts'
import { migrations } from '../../infrastructure/postgres/migrate.ts'
import { appliedMigrations, notInParts, ofOnePrompt, type Table, tablesOf } from './catalogue.ts'
import { quoted, withSession } from './session.ts'
import { insertStaged, type Replace, type Staged, stage } from './staging.ts'
import { oneWorkspace, type PromptChoice, type Survey, survey, type Workspace } from './survey.ts'
import { inTransaction, migrationsOf } from './target.ts'
import type { Header } from './write-backup.ts'

type Source = () => AsyncIterable<Buffer>
const text = pg.escapeLiteral

/** A part goes into a living store, which has one schema: that of the backup must be the same. */
async function assertSameSchema(client: pg.Client, header: Header): Promise<void> {
  const wanted = migrationsOf(header).map(({ name }) => name)
  const present = (await appliedMigrations(client))?.map(({ name }) => name) ?? []
  if (wanted.join() === present.join()) return
  throw new Error(
    `The backup's schema (up to ${wanted.at(-1)}) is not that of the store (up to ${present.at(-1) ?? 'none'}; this version: ${migrations().at(-1)?.name}). Restore all of it into an empty DATA_DIR, back that up, and take the part from there.`,
  )
}

const workspacesOf = async (client: pg.Client): Promise<Workspace[]> =>
  (await client.query<Workspace>('select id, name from workspace order by name')).rows

const hasColumn = ({ columns }: Table, name: string): boolean => columns.some((column) => column.name === name)

export type RestoredWorkspace = Readonly<{ id: string; name: string; rows: number; left: readonly string[] }>

/**
 * Restore one workspace into a living store: under its own id where nothing is in it, or as a new one beside.
 * @param as the name of a new workspace, which gets an id of its own; without the keys and invitations, which are one workspace's only
 * @throws Error when the workspace is there and not empty, or something stands against it
 */
export const restoreWorkspace = (url: string, source: Source, wanted: string, as?: string): Promise<RestoredWorkspace> =>
  withSession(url, async (client) => {
    const { header, workspaces } = await survey(source())
    const { id, name } = oneWorkspace(workspaces, wanted, 'the backup')
    await assertSameSchema(client, header)
    const restored = await inTransaction(client, () =>
      intoWorkspace(client, source, { from: id, to: as === undefined ? id : newId(), name: as ?? name }),
    )
    await client.query(pokeSql)
    return restored
  })

const ofOneWorkspaceOnly = ['api_key', 'invitation']

async function intoWorkspace(
  client: pg.Client,
  source: Source,
  { from, to, name }: { from: string; to: string; name: string },
): Promise<RestoredWorkspace> {
  const isNew = from !== to
  const staged = await stage(client, source(), (table) => {
    if (table.name in notInParts || (isNew && ofOneWorkspaceOnly.includes(table.name))) return undefined
    if (table.name === 'workspace') return { id: from }
    if (table.name === 'person') return {}
    return hasColumn(table, 'workspace_id') ? { workspace_id: from } : undefined
  })
  await assertFree(client, to)
  const replace: Replace = (table, column) => {
    if (column.name === 'workspace_id' || (table.name === 'workspace' && column.name === 'id')) return `${text(to)}::uuid`
    return table.name === 'workspace' && column.name === 'name' ? text(name) : undefined
  }
  let rows = 0
  let strangers = 0
  for (const one of staged) {
    const inserted = await insertStaged(client, one, replace, conditionFor(one, staged, to))
    rows += inserted
    if (one.table.name === 'member') strangers = one.rows - inserted
  }
  await tellWorkspace(client, to)
  const left = [
    ...(isNew ? ['Keys and invitations were left out: each is of one workspace.'] : []),
    ...(strangers > 0 ? [`${strangers} members were left out, whose people this store knows under another id: invite them again.`] : []),
  ]
  return { id: to, name, rows, left }
}

/** People are of the whole installation: who is not known comes along; who is known under another id cannot be a member by the old one. */
function conditionFor({ table }: Staged, staged: readonly Staged[], to: string): string {
  const members = staged.find((one) => one.table.name === 'member')
  if (table.name === 'workspace') return `not exists (select 1 from workspace w where w.id = ${text(to)})`
  if (table.name === 'person')
    return members
      ? `id in (select person_id from ${quoted(members.from)}) and not exists (select 1 from person p where p.id = part_of_person.id or (p.issuer, p.subject) = (part_of_person.issuer, part_of_person.subject))`
      : 'false'
  return table.name === 'member' ? 'exists (select 1 from person p where p.id = person_id)' : 'true'
}

/** @throws Error when anything is in the workspace */
async function assertFree(client: pg.Client, id: string): Promise<void> {
  for (const table of await tablesOf(client)) {
    if (!hasColumn(table, 'workspace_id') || (table.name in notInParts && table.name !== 'prompt_redaction')) continue
    const { rows } = await client.query<{ found: boolean }>(
      `select exists (select 1 from ${quoted(table.name)} where workspace_id = ${text(id)}) as found`,
    )
    if (rows[0]!.found)
      throw new Error(
        `The workspace ${id} is there and not empty: there are rows in ${table.name}. Restore it beside as a new one: --as NAME; or one prompt of it: --prompt.`,
      )
  }
}

type Told = Readonly<{ type: string; subject: string; data: Readonly<Record<string, string>> }>

/** Through the outbox, as every change: so caches, search and the audit trail hear of it. */
async function tell(client: pg.Client, workspaceId: string, events: readonly Told[]): Promise<void> {
  const by = { workspaceId, actor: 'prompt-store-admin', requestId: newId(), at: new Date().toISOString(), explicitWorkspace: true }
  await appendEvents(handleOf({ client }).db, events, by)
}

/** Keys of the workspace, and its live prompts, a thousand at a time. */
async function tellWorkspace(client: pg.Client, workspaceId: string): Promise<void> {
  const keys = await client.query<{ id: string; name: string }>('select id, name from api_key where workspace_id = $1', [workspaceId])
  await tell(
    client,
    workspaceId,
    keys.rows.map(({ id, name }) => ({ type: 'key.created', subject: id, data: { name } })),
  )
  for (let page = await promptsAfter(client, workspaceId, null); page.length > 0; ) {
    await tell(
      client,
      workspaceId,
      page.map(({ id, ...data }) => ({ type: 'prompt.restored', subject: id, data })),
    )
    page = await promptsAfter(client, workspaceId, page.at(-1)!.id)
  }
}

const promptsAfter = async (
  client: pg.Client,
  workspaceId: string,
  id: string | null,
): Promise<{ id: string; category: string; name: string }[]> =>
  (
    await client.query(
      'select id, category, name from prompt where workspace_id = $1 and deleted_at is null and ($2::uuid is null or id > $2) order by id limit 1000',
      [workspaceId, id],
    )
  ).rows

export type PromptPart = Readonly<{
  prompt: PromptChoice
  /** The workspace of the backup to look in, where several have such a prompt. */
  workspace?: string | undefined
  /** The workspace to restore into; that with the same id unless told. */
  into?: string | undefined
  /** Another name for it. */
  as?: { category: string; name: string } | undefined
}>
export type RestoredPrompt = Readonly<{ id: string; category: string; name: string; workspaceId: string; versions: number }>

/**
 * Restore one prompt, with all its versions and labels, into a workspace of a living store. It keeps its id where that is
 * free; else it gets a new one.
 * @throws Error when it is not in the backup, its name is taken, or what it includes is not there
 */
export const restorePrompt = (url: string, source: Source, part: PromptPart): Promise<RestoredPrompt> =>
  withSession(url, async (client) => {
    const found = await survey(source(), part.prompt)
    const chosen = onePrompt(found, part)
    await assertSameSchema(client, found.header)
    const restored = await inTransaction(client, async () => {
      await client.query('set local role ps_system')
      const target = oneWorkspace(await workspacesOf(client), part.into ?? chosen.workspaceId, 'the store')
      return intoPrompt(client, source, chosen, {
        workspaceId: target.id,
        ...(part.as ?? { category: chosen.category, name: chosen.name }),
      })
    })
    await client.query(pokeSql)
    return restored
  })

function onePrompt({ prompts, workspaces }: Survey, { workspace }: PromptPart) {
  const within = workspace === undefined ? undefined : oneWorkspace(workspaces, workspace, 'the backup').id
  const chosen = prompts.filter(({ workspaceId }) => within === undefined || workspaceId === within)
  if (chosen.length === 0) throw new Error('There is no such prompt in the backup.')
  if (chosen.length > 1)
    throw new Error(
      `Several workspaces of the backup have such a prompt: ${chosen.map(({ workspaceId }) => workspaceId).join(', ')}. Name one by --workspace.`,
    )
  return chosen[0]!
}

type Goal = Readonly<{ workspaceId: string; category: string; name: string }>

async function intoPrompt(
  client: pg.Client,
  source: Source,
  from: Readonly<{ workspaceId: string; id: string }>,
  goal: Goal,
): Promise<RestoredPrompt> {
  const staged = await stage(client, source(), ({ name }) =>
    ofOnePrompt.includes(name) ? { workspace_id: from.workspaceId, [name === 'prompt' ? 'id' : 'prompt_id']: from.id } : undefined,
  )
  const workspace = `workspace_id = ${text(goal.workspaceId)}`
  const taken = await client.query(
    `select 1 from prompt where ${workspace} and category = ${text(goal.category)} and name = ${text(goal.name)} and deleted_at is null`,
  )
  if (taken.rowCount)
    throw new Error(
      `"${goal.category}/${goal.name}" is there already. Rename or delete that one, or restore under another name: --as CATEGORY/NAME.`,
    )
  const missing = await client.query<{ reference: string }>(
    `select distinct reference from part_of_prompt_include i where not exists (select 1 from prompt p where p.${workspace} and p.id = i.target_id) order by 1`,
  )
  if (missing.rowCount)
    throw new Error(
      `It includes what is not in that workspace: ${missing.rows.map(({ reference }) => `"${reference}"`).join(', ')}. Restore that first.`,
    )
  const { rowCount } = await client.query(`select 1 from prompt where ${workspace} and id = ${text(from.id)}`)
  const id = rowCount ? newId() : from.id
  const replace: Replace = (table, { name }) => {
    if (name === 'workspace_id') return `${text(goal.workspaceId)}::uuid`
    if (name === (table.name === 'prompt' ? 'id' : 'prompt_id')) return `${text(id)}::uuid`
    return table.name === 'prompt' && (name === 'category' || name === 'name') ? text(goal[name]) : undefined
  }
  let versions = 0
  for (const one of staged) {
    const rows = await insertStaged(client, one, replace)
    if (one.table.name === 'prompt_version') versions = rows
  }
  await client.query(
    `delete from prompt_former_name where ${workspace} and category = ${text(goal.category)} and name = ${text(goal.name)}`,
  )
  await tell(client, goal.workspaceId, [{ type: 'prompt.restored', subject: id, data: { category: goal.category, name: goal.name } }])
  return { id, ...goal, versions }
}
