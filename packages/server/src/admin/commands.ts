import { parseArgs } from 'node:util'
import { migrate } from '../infrastructure/postgres/migrate.ts'
import { bootstrapKey } from './bootstrap-key.ts'
import { rebuildSearch } from './rebuild-search.ts'

export const usage = `Usage: prompt-store-admin <command>

  migrate [--plan]                       bring the database to this version's schema; --plan: say what would be done
  keys bootstrap [--name NAME] [--force] make the first key, owner of the default workspace and instance administrator,
                                         and print it, this once; it ends open mode. --force: even if there are keys
  search rebuild                         let the running service make its search index anew

The database is the one that DATABASE_URL (or DATABASE_DIRECT_URL) names, else the embedded one under DATA_DIR, whether the service runs or not.
`

/** Wrong arguments; the process ends with code 2. */
export class UsageError extends Error {}

export type Command = Readonly<
  | { name: 'help' }
  | { name: 'search rebuild' }
  | { name: 'migrate'; plan: boolean }
  | { name: 'keys bootstrap'; keyName: string; force: boolean }
>

/** Where the answer goes (standard output: a script reads it), and what a person is told besides (standard error). */
export type Output = Readonly<{ result(line: string): void; note(line: string): void }>

const options = {
  plan: { type: 'boolean' },
  name: { type: 'string' },
  force: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const
const optionsOf: Readonly<Record<string, readonly string[]>> = {
  migrate: ['plan'],
  'keys bootstrap': ['name', 'force'],
  'search rebuild': [],
}

/** @throws UsageError that says which argument is wrong */
export function parseCommand(args: string[]): Command {
  const { values, positionals } = parsed(args)
  const name = positionals.join(' ')
  if (values.help || name === 'help') return { name: 'help' }
  const allowed = optionsOf[name]
  if (!allowed) throw new UsageError(name ? `There is no command "${name}".` : 'A command is missing.')
  const stray = Object.keys(values).find((option) => !allowed.includes(option))
  if (stray) throw new UsageError(`The command "${name}" takes no --${stray}.`)
  if (name === 'migrate') return { name, plan: values.plan ?? false }
  if (name === 'search rebuild') return { name }
  const keyName = values.name ?? 'bootstrap'
  if (!/^\S.{0,99}$/u.test(keyName)) throw new UsageError('The name of a key has 1 to 100 characters.')
  return { name: 'keys bootstrap', keyName, force: values.force ?? false }
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
}
