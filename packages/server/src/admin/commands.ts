import { parseArgs } from 'node:util'
import { migrate } from '../infrastructure/postgres/migrate.ts'
import { backup, restore, verify } from './backup/index.ts'
import { bootstrapKey } from './bootstrap-key.ts'

export const usage = `Usage: prompt-store-admin <command>

  migrate [--plan]                       bring the database to this version's schema; --plan: say what would be done
  keys bootstrap [--name NAME] [--force] make the first key, owner of the default workspace and instance administrator,
                                         and print it, this once; it ends open mode. --force: even if there are keys
  backup FILE [--force]                  write the whole store, as of one moment, while services go on; --force: in place
                                         of FILE. - is standard output
  backup verify FILE                     read a backup to its end and say what is in it; needs no database
  restore FILE                           fill an empty store with a backup, whatever PostgreSQL either is on. - is standard input

The database is the one that DATABASE_URL (or DATABASE_DIRECT_URL) names, else the embedded one under DATA_DIR, whether the service runs or not.
`

/** Wrong arguments; the process ends with code 2. */
export class UsageError extends Error {}

export type Command = Readonly<
  | { name: 'help' }
  | { name: 'migrate'; plan: boolean }
  | { name: 'keys bootstrap'; keyName: string; force: boolean }
  | { name: 'backup'; file: string; force: boolean }
  | { name: 'backup verify'; file: string }
  | { name: 'restore'; file: string }
>

/** Where the answer goes (standard output: a script reads it), and what a person is told besides (standard error). */
export type Output = Readonly<{ result(line: string): void; note(line: string): void }>

const options = {
  plan: { type: 'boolean' },
  name: { type: 'string' },
  force: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const
type Form = Readonly<{ options: readonly string[]; takesFile?: true }>
/** The longer names first: `backup verify` is not the backup of a file "verify". */
const forms: Readonly<Record<string, Form>> = {
  migrate: { options: ['plan'] },
  'keys bootstrap': { options: ['name', 'force'] },
  'backup verify': { options: [], takesFile: true },
  backup: { options: ['force'], takesFile: true },
  restore: { options: [], takesFile: true },
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
  if (name === 'restore') return { name, file }
  const keyName = values.name ?? 'bootstrap'
  if (!/^\S.{0,99}$/u.test(keyName)) throw new UsageError('The name of a key has 1 to 100 characters.')
  return { name: 'keys bootstrap', keyName, force }
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
  if (command.name === 'restore') {
    const { tables, rows } = await restore(url, command.file)
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
