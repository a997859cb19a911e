import { readBackup } from './read-backup.ts'
import { fieldsOf, lineCutter, unescaped } from './rows.ts'
import type { Header } from './write-backup.ts'

export type Workspace = Readonly<{ id: string; name: string }>
export type Found = Readonly<{ workspaceId: string; id: string; category: string; name: string }>
/** Which prompt: by its id, or by the name that it goes by. */
export type PromptChoice = Readonly<{ id: string } | { category: string; name: string }>

export type Survey = Readonly<{ header: Header; workspaces: readonly Workspace[]; prompts: readonly Found[] }>

/** Read a backup to its end, and find in it the workspaces and the chosen prompt. @throws BackupUnusable */
export async function survey(chunks: AsyncIterable<Buffer>, prompt?: PromptChoice): Promise<Survey> {
  let header: Header | undefined
  const workspaces: Workspace[] = []
  const prompts: Found[] = []
  let look: (row: (...names: string[]) => (string | null)[]) => void = () => undefined
  let columns: readonly string[] = []
  let cutter = lineCutter()
  let watched = false
  for await (const part of readBackup(chunks)) {
    if (part.kind === 'header') header = part.header
    if (part.kind === 'table') {
      columns = part.columns
      cutter = lineCutter()
      watched = part.table === 'workspace' || (part.table === 'prompt' && prompt !== undefined)
      look = part.table === 'workspace' ? addWorkspace : addPrompt
    }
    if (part.kind === 'rows' && watched)
      for (const line of cutter.push(part.text)) {
        const row = (...names: string[]) =>
          fieldsOf(
            line,
            names.map((name) => columns.indexOf(name)),
          ).map(unescaped)
        look(row)
      }
  }
  return { header: header!, workspaces, prompts }

  function addWorkspace(row: (...names: string[]) => (string | null)[]): void {
    const [id, name] = row('id', 'name') as [string, string]
    workspaces.push({ id, name })
  }
  function addPrompt(row: (...names: string[]) => (string | null)[]): void {
    const [workspaceId, id, category, name, deletedAt] = row('workspace_id', 'id', 'category', 'name', 'deleted_at') as [
      string,
      string,
      string,
      string,
      string | null,
    ]
    const isIt = 'id' in prompt! ? id === prompt.id : category === prompt!.category && name === prompt!.name && deletedAt === null
    if (isIt) prompts.push({ workspaceId, id, category, name })
  }
}

/** The one workspace that is meant, by id or name. @throws Error when there is none, or several have the name */
export function oneWorkspace(workspaces: readonly Workspace[], wanted: string, where: string): Workspace {
  const byId = workspaces.find(({ id }) => id === wanted)
  const named = byId ? [byId] : workspaces.filter(({ name }) => name === wanted)
  if (named.length === 0)
    throw new Error(
      `There is no workspace "${wanted}" in ${where}, which has ${workspaces.map(({ id, name }) => `"${name}" (${id})`).join(', ')}.`,
    )
  if (named.length > 1)
    throw new Error(`Several workspaces in ${where} are called "${wanted}": ${named.map(({ id }) => id).join(', ')}. Name the id.`)
  return named[0]!
}
