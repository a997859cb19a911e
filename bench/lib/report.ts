import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'

/** A bar for a figure: `atLeast` for ratios and rates, `atMost` for times, sizes and growth. */
export type Bar = Readonly<{ atLeast: number } | { atMost: number }>

/** One line of the report. Figures are text with their unit; `value` is what the bars are held against. */
export type Measure = Readonly<{
  what: string
  ours: string
  /** What it is compared with: a rival measured in the same run, or a limit. */
  rival: string
  value: number
  /** The value as text, such as `0.84 ×`. */
  shown: string
  /** Absent: the row is reported, and has no bar. */
  bar?: Bar
  aim?: Bar
  note?: string
}>

export type Verdict = 'reaches the aim' | 'met' | 'BELOW' | 'reported' | 'FAILED'
export type RowResult = Readonly<{
  row: string
  /** When, and by which command. */
  measured: string
  title: string
  seconds: number
  measures: readonly Measure[]
  failure?: string
}>

const passes = (value: number, bar: Bar): boolean => ('atLeast' in bar ? value >= bar.atLeast : value <= bar.atMost)

/** Not a number passes nothing. */
export function verdictOf({ value, bar, aim }: Measure): Verdict {
  if (!bar) return 'reported'
  if (!passes(value, bar)) return 'BELOW'
  return aim && passes(value, aim) ? 'reaches the aim' : 'met'
}

/** Three significant digits, without an exponent: 12345 → 12,345; 0.8432 → 0.843. */
export function figure(value: number, unit = ''): string {
  const text = Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en-US') : String(Number(value.toPrecision(3)))
  return unit === '' ? text : `${text} ${unit}`
}
export const times = (ratio: number): string => `${ratio.toFixed(2)} ×`

const barText = (bar: Bar | undefined, shown: string): string => {
  if (!bar) return ''
  const unit = shown.replace(/^[\d.,\s]+/, '')
  return 'atLeast' in bar
    ? `≥ ${bar.atLeast.toLocaleString('en-US')} ${unit}`.trim()
    : `≤ ${bar.atMost.toLocaleString('en-US')} ${unit}`.trim()
}

const line = (row: string, m: Measure): string =>
  `| ${[row, m.what, m.ours, m.rival, m.shown, barText(m.bar, m.shown), barText(m.aim, m.shown), verdictOf(m)].map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`

function tableOf(results: readonly RowResult[]): string {
  const lines = results.flatMap(({ row, title, measures, failure }) => [
    ...measures.map((m) => line(row, m)),
    ...(failure ? [`| ${row} | ${title} | could not be measured: ${failure.split('\n')[0]!.replaceAll('|', '/')} | | | | | FAILED |`] : []),
  ])
  return ['| row | what | ours | rival or limit | figure | at least | aim | verdict |', '|---|---|---|---|---|---|---|---|', ...lines].join(
    '\n',
  )
}

const notesOf = (results: readonly RowResult[]): string =>
  results
    .map(({ row, title, measured, seconds, measures }) => {
      const notes = measures.flatMap(({ what, note }) => (note ? [`  - ${what}: ${note}`] : []))
      return [`- **${row}. ${title}** (${measured}, ${Math.round(seconds)} s)`, ...notes].join('\n')
    })
    .join('\n')

/** The machine, without its name. */
export const machine = (): string =>
  `${cpus().length} cores (${cpus()[0]?.model.trim() || 'unknown model'}), ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform} ${process.arch}, Node ${process.versions.node}`

/** The report as Markdown. */
const markdownOf = (results: readonly RowResult[]): string => `# Benchmarks

\`npm run bench\` measures every row below; \`npm run bench -- 1 5\` some of them, and leaves the others as they stand here;
with \`--quick\` the runs are short and the figures noisier. Ours and its rival run in the same run, by turns, and the figure
of a pair is the median of the ratios of its turns: the machine's mood cancels out. How each row is measured, and why
against this rival, stands at the top of its file in \`rows/\`.

Machine: ${machine()}; service, PostgreSQL, load generator and rivals share it.

${tableOf(results)}

${notesOf(results)}
`

const place = (name: string) => new URL(`../${name}`, import.meta.url)

/** Write `README.md` and `results.json` beside run.ts; rows that were not measured now stay as they were. */
export function writeReport(results: readonly RowResult[]): void {
  const before: RowResult[] = existsSync(place('results.json')) ? JSON.parse(readFileSync(place('results.json'), 'utf8')).rows : []
  const rows = new Map([...before, ...results].map((result) => [result.row, result]))
  const all = [...rows.values()].sort((a, b) => Number(a.row) - Number(b.row))
  writeFileSync(place('README.md'), markdownOf(all))
  const judged = all.map((result) => ({ ...result, measures: result.measures.map((m) => ({ ...m, verdict: verdictOf(m) })) }))
  writeFileSync(place('results.json'), `${JSON.stringify({ machine: machine(), rows: judged }, null, 2)}\n`)
}

/** One measure as a line for the terminal. */
export const terminalLine = (m: Measure): string =>
  `   ${m.what}: ${m.ours} | ${m.rival} | ${m.shown}${m.bar ? ` (${barText(m.bar, m.shown)})` : ''} → ${verdictOf(m)}${m.note ? `\n      ${m.note}` : ''}`
