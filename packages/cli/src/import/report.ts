import { SingleBar } from 'cli-progress'
import { writeJson, writeLine } from '../output.ts'

export type Skipped = 'present' | 'duplicate' | 'identical'
export type Failed = Readonly<{ file: string; line: number; title?: string | undefined; reason: string }>
export type Counts = {
  rows: number
  prompts: number
  versions: number
  skipped: Record<Skipped, number>
  failed: number
  /** How the variable syntax was decided, for what was stored now. */
  decisions: Record<string, number>
  ignoredFiles: number
}

/** What an import tells: a bar and lines for people, JSON lines for machines. */
export type Report = Readonly<{
  counts: Counts
  begin(what: string, total: number): void
  /** @param done of the total that `begin` was told */
  progress(done: number): Promise<void>
  /** A prompt with its first version, or a version; @param decision how its engine was found */
  stored(what: 'prompt' | 'version', decision: string): void
  skipped(why: Skipped): void
  failed(failure: Failed): Promise<void>
  end(seconds: number): Promise<void>
  /** Take the bar away, whatever has happened: it would keep the process alive. */
  close(): void
}>

const everyRows = 500

export function createReport(json: boolean): Report {
  const counts: Counts = {
    rows: 0,
    prompts: 0,
    versions: 0,
    skipped: { present: 0, duplicate: 0, identical: 0 },
    failed: 0,
    decisions: {},
    ignoredFiles: 0,
  }
  const bar =
    !json && process.stderr.isTTY
      ? new SingleBar({ format: '{what} [{bar}] {percentage}% {rows} rows', stream: process.stderr, clearOnComplete: true })
      : undefined
  let told = 0
  return {
    counts,
    begin: (what, total) => bar?.start(total, 0, { what, rows: counts.rows }),
    async progress(done) {
      bar?.update(done, { rows: counts.rows })
      if (!json || counts.rows - told < everyRows) return
      told = counts.rows
      await writeJson({ event: 'progress', ...counts })
    },
    stored(what, decision) {
      if (what === 'prompt') counts.prompts++
      counts.versions++
      counts.decisions[decision] = (counts.decisions[decision] ?? 0) + 1
    },
    skipped: (why) => void counts.skipped[why]++,
    async failed(failure) {
      counts.failed++
      if (json) return writeJson({ event: 'failed', ...failure })
      const title = failure.title === undefined ? '' : ` "${failure.title.slice(0, 60)}"`
      process.stderr.write(`${bar ? '\r\x1b[K' : ''}${failure.file}:${failure.line}${title}: ${failure.reason}\n`)
    },
    close: () => bar?.stop(),
    async end(seconds) {
      bar?.stop()
      if (json) return writeJson({ event: 'summary', ...counts, seconds })
      const { present, duplicate, identical } = counts.skipped
      await writeLine(
        `${counts.rows} rows: ${counts.prompts} prompts created with ${counts.versions} versions, ${counts.failed} failed, ${seconds.toFixed(1)} s`,
      )
      await writeLine(
        `skipped: ${present} there already, ${duplicate} exact duplicates, ${identical} without a change${counts.ignoredFiles ? `; ${counts.ignoredFiles} files of other kinds` : ''}`,
      )
      if (counts.versions > 0)
        await writeLine(
          `variable syntax: ${Object.entries(counts.decisions)
            .map(([decision, count]) => `${decision} ${count}`)
            .join(', ')}`,
        )
    },
  }
}
