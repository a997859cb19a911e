import { parseArgs } from 'node:util'
import { isId } from '../core/ids.ts'
import { migrate } from '../infrastructure/postgres/migrate.ts'
import { backup, restore, restoreOnePrompt, restoreOneWorkspace, verify } from './backup/index.ts'
import { bootstrapKey } from './bootstrap-key.ts'
import { rebuildSearch } from './rebuild-search.ts'

export const usage = `Usage: prompt-store-admin <command>

  migrate [--plan]                       bring the database to this version's schema; --plan: say what would be done
  keys bootstrap [--name NAME] [--force] make the first key, owner of the default workspace and instance administrator,
                                         and print it, this once; it ends open mode. --force: even if there are keys
  backup FILE [--force]                  write the whole store, as of one moment, while services go on; --force: in place
                                         of FILE. - is standard output
  backup verify FILE                     read a backup to its end and say what is in it; needs no database
  restore FILE                           fill an empty store with a backup, whatever PostgreSQL either is on. - is standard input
  restore FILE --workspace ID|NAME [--as NAME]
                                         restore one workspace into a living store; --as: beside, as a new one
  restore FILE --prompt ID|CATEGORY/NAME [--workspace ID|NAME] [--into WORKSPACE] [--as CATEGORY/NAME]
                                         restore one prompt, of that workspace, into another one or under another name
  search rebuild                         let the running service make its search index anew

The database is the one that DATABASE_URL (or DATABASE_DIRECT_URL) names, else the embedded one under DATA_DIR, whether the service runs or not.
`

/** Wrong arguments; the process ends with code 2. */
export class UsageError extends Error {}

export type Command = Readonly<
  | { name: 'help' }
  | { name: 'migrate'; plan: boolean }
  | { name: 'keys bootstrap'; keyName: string; force: boolean }
  | { name: 'search rebuild' }
  | { name: 'backup'; file: string; force: boolean }
  | { name: 'backup verify'; file: string }
  | ({ name: 'restore'; file: string } & RestoreOptions)
>

type RestoreOptions = Readonly<{
  workspace?: string | undefined
  prompt?: string | undefined
  into?: string | undefined
  as?: string | undefined
}>

/** Where the answer goes (standard output: a script reads it), and what a person is told besides (standard error). */
export type Output = Readonly<{ result(line: string): void; note(line: string): void }>

const options = {
  plan: { type: 'boolean' },
  name: { type: 'string' },
  force: { type: 'boolean' },
  workspace: { type: 'string' },
  prompt: { type: 'string' },
  into: { type: 'string' },
  as: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const
type Form = Readonly<{ options: readonly string[]; takesFile?: true }>
/** The longer names first: `backup verify` is not the backup of a file "verify". */
const forms: Readonly<Record<string, Form>> = {
  migrate: { options: ['plan'] },
  'keys bootstrap': { options: ['name', 'force'] },
  'search rebuild': { options: [] },
  'backup verify': { options: [], takesFile: true },
  backup: { options: ['force'], takesFile: true },
  restore: { options: ['workspace', 'prompt', 'into', 'as'], takesFile: true },
}

/** @throws UsageError that says which argument is wrong */
export function parseCommand(args: string[]): Command {
  const { values, positionals } = parsed(args)
  const words = positionals.join(' ')
  if (values.help || words === 'help') return { name: 'help' }
  const name = Object.keys(forms).find((one) => words === one || words.startsWith(`${one} `))
  const { options: allowed, takesFile } = forms[name ?? ''] ?? { options: [] }
  const rest = positionals.slice(name?.split(' ').length)
  if (!name || rest.length > (takesFile ? 1 : 0)) throw new UsageError(words ? `There is no command "${words}".` : 'A command is missing.')
  const stray = Object.keys(values).find((option) => !allowed.includes(option))
  if (stray) throw new UsageError(`The command "${name}" takes no --${stray}.`)
  const [file] = rest
  if (takesFile && !file) throw new UsageError(`The command "${name}" needs a file.`)
  return commandOf(name, file ?? '', values)
}

type Values = ReturnType<typeof parsed>['values']

function commandOf(name: string, file: string, values: Values): Command {
  const force = values.force ?? false
  if (name === 'migrate') return { name, plan: values.plan ?? false }
  if (name === 'backup') return { name, file, force }
  if (name === 'backup verify') return { name, file }
  if (name === 'restore') return { name, file, ...checkedParts(file, values) }
  if (name === 'search rebuild') return { name }
  const keyName = values.name ?? 'bootstrap'
  if (!/^\S.{0,99}$/u.test(keyName)) throw new UsageError('The name of a key has 1 to 100 characters.')
  return { name: 'keys bootstrap', keyName, force }
}

/** @throws UsageError for options that do not go together */
function checkedParts(file: string, { workspace, prompt, into, as }: Values): RestoreOptions {
  if (into !== undefined && prompt === undefined) throw new UsageError('--into goes with --prompt.')
  if (as !== undefined && prompt === undefined && workspace === undefined) throw new UsageError('--as goes with --prompt or --workspace.')
  if (file === '-' && (prompt !== undefined || workspace !== undefined))
    throw new UsageError('A part is restored from a file, which is read twice.')
  if (prompt !== undefined && !isId(prompt)) nameOf('prompt', prompt)
  if (prompt !== undefined && as !== undefined) nameOf('as', as)
  return { workspace, prompt, into, as }
}

/** `category/name`, where a raw `/`, `@` or `%` inside a part is percent-encoded. */
function nameOf(option: string, text: string): { category: string; name: string } {
  try {
    const [category, name, ...more] = text.split('/').map(decodeURIComponent)
    if (category && name && more.length === 0) return { category, name }
  } catch {
    // a broken escape, said below
  }
  throw new UsageError(`--${option} takes category/name${option === 'prompt' ? ' or an id' : ''}, with a "/" inside of either as %2F.`)
}

function parsed(args: string[]) {
  try {
    return parseArgs({ args, options, allowPositionals: true })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

/**
 * @param url a superuser's or owner's session connection
 * @throws with a message for a person when the command fails
 */
export async function run(command: Command, url: string, output: Output): Promise<void> {
  if (command.name === 'migrate') {
    const names = await migrate(url, { plan: command.plan })
    for (const name of names) output.result(`${command.plan ? 'would apply' : 'applied'} ${name}`)
    if (names.length === 0) output.result('nothing to apply: the schema is that of this version')
  }
  if (command.name === 'search rebuild') {
    await rebuildSearch(url)
    output.result('the search index is made anew by the service, beside what it goes on answering')
  }
  if (command.name === 'keys bootstrap') {
    await migrate(url) // the first command after an installation, perhaps
    const key = await bootstrapKey(url, { name: command.keyName, force: command.force })
    output.note('The key is shown this once and kept nowhere. It owns the default workspace and administers the installation:')
    output.result(key)
  }
  if (command.name === 'backup') {
    const { tables, rows } = await backup(url, command.file, command)
    output.note(`written: ${rows} rows of ${tables} tables${command.file === '-' ? '' : ` into ${command.file}`}`)
  }
  if (command.name === 'restore') await runRestore(command, url, output)
}

async function runRestore(
  { file, workspace, prompt, into, as }: RestoreOptions & { file: string },
  url: string,
  output: Output,
): Promise<void> {
  if (prompt !== undefined) {
    const name = as === undefined ? undefined : nameOf('as', as)
    const choice = isId(prompt) ? { id: prompt } : nameOf('prompt', prompt)
    const restored = await restoreOnePrompt(url, file, { prompt: choice, workspace, into, as: name })
    output.note(
      `restored: ${restored.category}/${restored.name} with ${restored.versions} versions, in the workspace ${restored.workspaceId}`,
    )
    output.result(restored.id)
  } else if (workspace !== undefined) {
    const { id, name, rows, left } = await restoreOneWorkspace(url, file, workspace, as)
    output.note([`restored: ${rows} rows of the workspace "${name}"`, ...left].join('\n'))
    output.result(id)
  } else {
    const { tables, rows } = await restore(url, file)
    output.note(`restored: ${rows} rows of ${tables} tables`)
  }
}

/** `backup verify`, which needs no database. @throws with a message for a person when the file is not whole */
export async function runVerify(file: string, output: Output): Promise<void> {
  const { header, tables, rows } = await verify(file)
  output.result(
    `whole: ${rows} rows of ${Object.keys(tables).length} tables, written at ${header.at} by version ${header.product}, PostgreSQL ${header.server}, up to ${header.migrations.at(-1)?.name}`,
  )
  for (const [name, count] of Object.entries(tables)) if (count > 0) output.result(`  ${name} ${count}`)
}
