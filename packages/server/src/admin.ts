import { parseCommand, run, runVerify, UsageError, usage } from './admin/commands.ts'
import { configOrExit, exitWith, openInstallation } from './service.ts'

/** `prompt-store-admin`: what opens the database itself. Exit codes: 0 done, 1 failed, 2 wrong arguments or environment. */
async function main(args: string[]): Promise<void> {
  const command = parseCommand(args)
  if (command.name === 'help') return void process.stdout.write(usage)
  const output = {
    result: (line: string) => void process.stdout.write(`${line}\n`),
    note: (line: string) => void process.stderr.write(`${line}\n`),
  }
  if (command.name === 'backup verify') return runVerify(command.file, output)
  const installation = await openInstallation(configOrExit(), () => undefined)
  try {
    await run(command, installation.directUrl ?? installation.url, output)
  } finally {
    await installation.release()
  }
}

/** One line, whatever the reason; a refused connection to several addresses has its reasons inside. */
function oneLine(error: unknown): string {
  const reasons = error instanceof AggregateError && !error.message ? error.errors : [error]
  return reasons.map((reason) => (reason instanceof Error ? reason.message : String(reason)).trim().replace(/\s*\n\s*/g, ' | ')).join('; ')
}

await main(process.argv.slice(2)).catch((error) => {
  if (error instanceof UsageError) exitWith(`${error.message}\n\n${usage.trimEnd()}`, 2)
  exitWith(oneLine(error), 1)
})
