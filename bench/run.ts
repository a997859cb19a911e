/**
 * Measures the service, row by row, each against its rival in the same run.
 *
 *     node bench/run.ts [row …] [--quick] [--no-report]
 *
 * Writes what it measured into bench/README.md and bench/results.json, unless told not to. Ends with 1 when a figure is
 * below its bar or a row could not be measured.
 */
import { parseArgs } from 'node:util'
import { machine, type RowResult, terminalLine, verdictOf, writeReport } from './lib/report.ts'
import type { Row } from './lib/row.ts'
import { hotPathRow } from './rows/01-hot-path.ts'
import { twoInstances } from './rows/02-two-instances.ts'
import { render } from './rows/03-render.ts'
import { create } from './rows/04-create.ts'
import { cache } from './rows/05-cache.ts'
import { databaseReads } from './rows/06-database-reads.ts'
import { writersRow } from './rows/07-writers.ts'
import { importRow } from './rows/08-import.ts'
import { memory } from './rows/09-memory.ts'
import { start } from './rows/10-start.ts'
import { growth } from './rows/11-growth.ts'
import { rights } from './rows/12-rights.ts'
import { searchRow } from './rows/13-search.ts'
import { searchQuality } from './rows/14-search-quality.ts'
import { auditRow } from './rows/15-audit.ts'
import { backupRow } from './rows/16-backup.ts'
import { jobsRow } from './rows/17-jobs.ts'
import { bulk } from './rows/18-bulk.ts'
import { deliveriesRow } from './rows/19-deliveries.ts'
import { feedLag } from './rows/20-feed-lag.ts'
import { webhookCost } from './rows/21-webhook-cost.ts'
import { assignRow } from './rows/22-assign.ts'
import { assignHttpRow } from './rows/23-assign.ts'
import { ingestRow } from './rows/24-ingest.ts'
import { analyticsReadsRow } from './rows/25-analytics-reads.ts'
import { steadyUseRow } from './rows/26-steady-use.ts'
import { testResultsRow } from './rows/27-test-results.ts'

const rows: readonly Row[] = [
  hotPathRow,
  twoInstances,
  render,
  create,
  cache,
  databaseReads,
  writersRow,
  importRow,
  memory,
  start,
  growth,
  rights,
  searchRow,
  searchQuality,
  auditRow,
  backupRow,
  jobsRow,
  bulk,
  deliveriesRow,
  feedLag,
  webhookCost,
  assignRow,
  assignHttpRow,
  ingestRow,
  analyticsReadsRow,
  steadyUseRow,
  testResultsRow,
]

/** When and how this run measures. */
const measured = [
  new Date().toISOString().slice(0, 10),
  ['npm run bench', ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : [])].join(' '),
].join(', ')
const say = (text: string) => process.stdout.write(`${text}\n`)

async function run(row: Row, quick: boolean): Promise<RowResult> {
  say(`${row.id}. ${row.title}`)
  const startedAt = performance.now()
  const seconds = () => Math.round((performance.now() - startedAt) / 100) / 10
  try {
    const measures = await row.measure({ quick, note: (text) => say(`   ${text}`) })
    for (const measure of measures) say(terminalLine(measure))
    return { row: row.id, measured, title: row.title, seconds: seconds(), measures }
  } catch (error) {
    say(`   FAILED: ${(error as Error).stack}`)
    return { row: row.id, measured, title: row.title, seconds: seconds(), measures: [], failure: (error as Error).message }
  }
}

function chosen(wanted: readonly string[]): readonly Row[] {
  const unknown = wanted.filter((id) => !rows.some((row) => row.id === id))
  if (unknown.length > 0) {
    process.stderr.write(`There is no row ${unknown.join(', ')}. Rows: ${rows.map(({ id, title }) => `${id} (${title})`).join(', ')}.\n`)
    process.exit(2)
  }
  return wanted.length === 0 ? rows : rows.filter(({ id }) => wanted.includes(id))
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false }, 'no-report': { type: 'boolean', default: false } },
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130)) // what was started ends with its channel
say(machine())
const results: RowResult[] = []
for (const row of chosen(positionals)) results.push(await run(row, values.quick))
if (!values['no-report']) {
  writeReport(results)
  say('Written: bench/README.md, bench/results.json')
}
process.exitCode = results.some(({ failure, measures }) => failure || measures.some((m) => verdictOf(m) === 'BELOW')) ? 1 : 0
