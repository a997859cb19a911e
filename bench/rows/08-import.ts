/**
 * Row 8: the command line takes in the real corpora, 3,992 prompts, into an empty store; from the start of the command to
 * its end, with the start of Node and the reading of the files. There is no rival: the limit is what was asked for.
 * A second run shows what it costs to find that there is nothing to do.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { figure, type Measure } from '../lib/report.ts'
import type { Row } from '../lib/row.ts'
import { apiKey, type Service, withService } from '../lib/service.ts'

const command = fileURLToPath(new URL('../../packages/cli/bin/prompt-store.js', import.meta.url))
const corpora = new URL('../../../shared/data/prompts/', import.meta.url)

/** What the quick run takes instead of all: 1,524 prompts. */
const oneOfThem = 'awesome-chatgpt-prompts.jsonl'

function linesIn(source: URL): number {
  if (!existsSync(source)) throw new Error('the real corpora (../shared/data/prompts) are not there')
  const files = source === corpora ? readdirSync(corpora).filter((name) => name.endsWith('.jsonl')) : [oneOfThem]
  return files.reduce((all, name) => all + readFileSync(new URL(name, corpora), 'utf8').trimEnd().split('\n').length, 0)
}

/** @returns seconds */
async function importFrom(source: URL, { port }: Service): Promise<number> {
  const startedAt = performance.now()
  const connection = ['--url', `http://127.0.0.1:${port}`, '--api-key', apiKey]
  const child = spawn(process.execPath, [command, 'import', fileURLToPath(source), ...connection], { stdio: ['ignore', 'pipe', 'pipe'] })
  let tail = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (tail = (tail + chunk).slice(-2_000)))
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`the import ended with ${code}: ${tail}`)
  return (performance.now() - startedAt) / 1000
}

const measureOf = (what: string, lines: number, seconds: number, cpuMicros: number): Measure => ({
  what,
  ours: `${figure(lines)} prompts in ${figure(seconds, 's')}`,
  rival: 'no rival',
  value: lines / seconds,
  shown: figure(lines / seconds, 'prompts/s'),
  note: `CPU of the service ${figure(cpuMicros / lines, 'µs')} per prompt`,
})

export const importRow: Row = {
  id: '8',
  title: 'Import of the real corpora by the command line',
  measure: ({ quick }) =>
    withService(async (service, { query }) => {
      const source = quick ? new URL(oneOfThem, corpora) : corpora
      const lines = linesIn(source)
      const start = await service.usage()
      const first = await importFrom(source, service)
      const afterFirst = await service.usage()
      const [{ prompts } = { prompts: 0 }] = await query<{ prompts: number }>('select count(*)::int as prompts from prompt')
      if (prompts < lines * 0.9) throw new Error(`${prompts} prompts are there after the import of ${lines} lines`)
      const second = await importFrom(source, service)
      const afterSecond = await service.usage()
      return [
        {
          ...measureOf('import', lines, first, afterFirst.cpuMicros - start.cpuMicros),
          bar: { atLeast: 500 },
          aim: { atLeast: 2_000 },
        },
        measureOf('import again, nothing to do', lines, second, afterSecond.cpuMicros - afterFirst.cpuMicros),
      ]
    }),
}
