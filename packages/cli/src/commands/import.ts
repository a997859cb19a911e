import type { Command } from 'commander'
import { withClient, withConnection } from '../connection.ts'
import { createCatalogue } from '../import/catalogue.ts'
import { isExported } from '../import/exported.ts'
import { importHistories, settleLater } from '../import/history.ts'
import { readLines } from '../import/lines.ts'
import { importPrompts } from '../import/prompts.ts'
import { createReport } from '../import/report.ts'
import type { Run } from '../import/run.ts'
import { findSources, rowsOf, type Source } from '../import/sources.ts'
import { ToldFailure, UsageError, wantsJson } from '../output.ts'

type Own = { history?: boolean; label: string; category?: string }

export const addImport = (program: Command): Command =>
  withConnection(program.command('import <file|dir...>'))
    .description('take prompts from JSON Lines, dotprompt (.prompt) and Markdown with front matter; what is there already is left alone')
    .option('--history', 'rows of JSON Lines are versions: title, at, message, content')
    .option('--label <label>', 'the label that new prompts get, and the newest version of a history; none: no label', 'production')
    .option('--category <category>', 'for rows that name none (else: the name of the file, or of the folder of a document)')
    .addHelpText('after', '\nRows that cannot be taken are reported, each with its line and reason; the exit code is then 1.')
    .action((paths: string[], own: Own, command: Command) =>
      withClient(command, async (client, options) => {
        if (own.label === 'latest') throw new UsageError('"latest" is not a label that can be set; "none" sets none.')
        const { sources, ignored } = findSources(paths)
        const report = createReport(wantsJson(options))
        report.counts.ignoredFiles = ignored
        const label = own.label === 'none' ? undefined : own.label
        const run: Run = { client, catalogue: createCatalogue(client), report, label, category: own.category, later: [] }
        await importAll(sources, own.history ?? false, run).finally(report.close)
        if (report.counts.failed > 0) throw new ToldFailure()
      }),
    )

async function importAll(sources: readonly Source[], history: boolean, run: Run): Promise<void> {
  const startedAt = performance.now()
  const histories: Source[] = []
  const others: Source[] = []
  for (const source of sources) (source.kind === 'rows' && (history || (await isExport(source.path))) ? histories : others).push(source)
  if (others.length > 0) {
    run.report.begin(
      'prompts',
      others.reduce((sum, { bytes }) => sum + bytes, 0),
    )
    await importPrompts(rowsOf(others, run.category), run)
    await settleLater(run)
  }
  await importHistories(histories, run)
  await run.report.end((performance.now() - startedAt) / 1000)
}

/** An export says so in its first line. */
async function isExport(path: string): Promise<boolean> {
  for await (const line of readLines(path)) {
    try {
      return line.flaw === undefined && isExported(JSON.parse(line.text))
    } catch {
      return false
    }
  }
  return false
}
