import { basename } from 'node:path'
import { applyHistory } from './apply-history.ts'
import { exportedStep, isExported } from './exported.ts'
import { historyKey, versionKey } from './identity.ts'
import { openLines, readLines } from './lines.ts'
import { contentOf, parseRow, RowError } from './rows.ts'
import { detectContent, eachOf, type Run } from './run.ts'
import { nameOf, type Source } from './sources.ts'
import type { Exported, History, Place, Step } from './steps.ts'

/** Put in the histories of files: one prompt per title, its rows as versions in time order. */
export async function importHistories(sources: readonly Source[], run: Run): Promise<void> {
  for (const source of sources) {
    const lines = await openLines(source.path)
    try {
      const histories = await survey(source, run, lines.read)
      let done = 0
      await eachOf(histories.values(), async (history) => {
        await applyHistory(history, run)
        done += history.places.length
        await run.report.progress(done)
      })
      await settleLater(run)
    } finally {
      await lines.close()
    }
  }
}

/** Again and again, as long as something of what was waited for has come; then what is left is told. */
export async function settleLater({ later }: Pick<Run, 'later'>): Promise<void> {
  for (let before = Number.POSITIVE_INFINITY; later.length > 0 && later.length < before; ) {
    before = later.length
    for (const again of later.splice(0)) await again(false)
  }
  for (const again of later.splice(0)) await again(true)
}

type Read = (at: Place) => Promise<string>

/** A first pass: which line belongs where. Contents are not kept. */
async function survey({ path }: Source, run: Run, read: Read): Promise<Map<string, History>> {
  const file = basename(path)
  const histories = new Map<string, History & { places: Place[] }>()
  for await (const line of readLines(path)) {
    run.report.counts.rows++
    try {
      if (line.flaw !== undefined) throw new RowError(line.flaw)
      const row = parseRow(line.text)
      const { title, category, order } = placed(row, run.category ?? nameOf(path))
      const id = JSON.stringify([category, title])
      const exported = isExported(row) ? row : undefined
      const history = histories.get(id) ?? newHistory({ file, category, title, ...(exported && { exported: firstOf(exported) }) }, read)
      history.places.push({ line: line.number, offset: line.offset, length: line.length, order })
      histories.set(id, history)
    } catch (error) {
      if (!(error instanceof RowError)) throw error
      await run.report.failed({ file, line: line.number, reason: error.message })
    }
  }
  for (const { places } of histories.values()) places.sort((a, b) => a.order - b.order || a.line - b.line)
  run.report.begin(file, run.report.counts.rows)
  return histories
}

/** Only the facts: the rest is read again when it is needed. */
const firstOf = ({ prompt }: { prompt: Exported }): Exported => prompt

function placed(row: Record<string, unknown>, fallback: string): { title: string; category: string; order: number } {
  const { title, at, category } = row
  if (typeof title !== 'string' || title === '') throw new RowError('title is missing')
  contentOf(row.content)
  const order = isExported(row) ? row.version : Date.parse(String(at ?? ''))
  if (Number.isNaN(order)) throw new RowError('at is missing, or is no time')
  return { title, category: typeof category === 'string' && category !== '' ? category : fallback, order }
}

function newHistory(about: Pick<History, 'file' | 'category' | 'title' | 'exported'>, read: Read): History & { places: Place[] } {
  const { category, title, exported } = about
  const kept = exported?.metadata.importKey
  return {
    ...about,
    key: typeof kept === 'string' ? kept : historyKey(category, title),
    places: [],
    async step(place, nth) {
      const row = parseRow(await read(place))
      return isExported(row) ? exportedStep(row, place.line) : historyStep(row, place.line, nth)
    },
  }
}

/** @param nth counts equal rows, which need keys of their own */
function historyStep(row: Record<string, unknown>, line: number, nth: Map<string, number>): Step {
  const { title: _title, category: _category, content: given, message, ...others } = row
  const content = contentOf(given)
  const base = versionKey(String(row.at), content, 0)
  const count = nth.get(base) ?? 0
  nth.set(base, count + 1)
  const key = count === 0 ? base : versionKey(String(row.at), content, count)
  const { variableSyntax } = detectContent(content)
  const summary = typeof message === 'string' ? message : undefined
  const whole = message === undefined || (summary !== undefined && summary.length <= 10_000) ? {} : { message }
  return {
    line,
    content,
    message: summary,
    key,
    metadata: { ...others, ...whole, ...(variableSyntax && { variableSyntax }), importKey: key },
  }
}
