import { Command, CommanderError } from 'commander'
import manifest from '../package.json' with { type: 'json' }
import { addAudit } from './commands/audit.ts'
import { addExport } from './commands/export.ts'
import { addGet } from './commands/get.ts'
import { addImport } from './commands/import.ts'
import { addKeys } from './commands/keys.ts'
import { addLabels } from './commands/labels.ts'
import { addLifecycle } from './commands/lifecycle.ts'
import { addRender } from './commands/render.ts'
import { addSearch } from './commands/search.ts'
import { withConnection } from './connection.ts'
import { describe, exitCodeOf, ToldFailure } from './output.ts'

const program = withConnection(new Command('prompt-store'))
  .description('Keep, version, label and serve prompts: commands over the HTTP API')
  .version(manifest.version, '-V, --cli-version', 'the version of this program')
  .addHelpText('after', '\nExit codes: 0 done, 1 failed, 2 called wrongly.')
  .showHelpAfterError('(see --help)')
  .exitOverride()

const commands = [addImport, addExport, addGet, addRender, addSearch, addLabels, addLifecycle, addKeys, addAudit]
for (const add of commands) add(program)
for (const command of allOf(program)) command.exitOverride().showHelpAfterError('(see --help)')

function allOf(command: Command): Command[] {
  return command.commands.flatMap((sub) => [sub, ...allOf(sub as Command)]) as Command[]
}

// A reader that has seen enough (`| head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

try {
  await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2
  else {
    if (!(error instanceof ToldFailure)) console.error(`error: ${describe(error)}`)
    process.exitCode = exitCodeOf(error)
  }
}
