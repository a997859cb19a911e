/**
 * Row 3: fill a prompt of 1.5 kB with 5 variables, engine time only, in one process without HTTP.
 * Ours is all that a rendered answer does with a compiled version: checks of presence and type, the names not used, and
 * the filling under limits. The rivals are the bare engines with their template parsed before: Mustache.render with its
 * cache and no HTML escaping, and liquidjs. They check nothing.
 */
import { Liquid } from 'liquidjs'
import Mustache from 'mustache'
import { type Composition, compileBody, type Part } from '../../packages/server/src/domain/prompts/model/composition.ts'
import { nodeKey } from '../../packages/server/src/domain/prompts/model/includes.ts'
import { renderComposition } from '../../packages/server/src/domain/prompts/model/render.ts'
import type { Engine } from '../../packages/server/src/domain/prompts/model/templates/index.ts'
import { promptText, variableNames, variables } from '../lib/data.ts'
import { figure, type Measure, times } from '../lib/report.ts'
import type { Row } from '../lib/row.ts'
import { alternate, medianOf, medianRatio } from '../lib/stats.ts'

/** The variables at five places of the text, as in a real prompt, not all at its head. */
const template = (() => {
  const plain = promptText.replace(/\{\{\w+\}\}/g, 'it')
  const step = Math.floor(plain.length / variableNames.length)
  return variableNames.map((name, i) => `${plain.slice(i * step, (i + 1) * step)}{{${name}}}`).join('')
})()
const values = Object.fromEntries(variableNames.map((name, i) => [name, `value ${i} & more of it`]))

function compositionOf(engine: Engine): Composition {
  const promptId = '00000000-0000-7000-8000-000000000002'
  const typed = variables.map((variable) => ({ ...variable, type: 'string' as const }))
  const root: Part = {
    entry: { promptId, category: 'bench', name: 'render', version: 1, checksum: '' },
    compiled: compileBody({ type: 'text', engine, content: template, variables: typed, config: {} }),
    links: new Map(),
  }
  return { root, parts: new Map([[nodeKey(promptId, 1), root]]) }
}

function oursFor(engine: Engine): () => string {
  const composition = compositionOf(engine)
  return () => renderComposition(composition, values).content as string
}

function bareMustache(): () => string {
  const options = { escape: (text: unknown) => String(text) }
  Mustache.parse(template)
  return () => Mustache.render(template, values, undefined, options)
}

function bareLiquid(): () => string {
  const liquid = new Liquid()
  const parsed = liquid.parse(template)
  return () => liquid.renderSync(parsed, values) as string
}

/** Nanoseconds per call, over a run of so many milliseconds. */
function timed(render: () => string, ms: number): number {
  const batch = 500
  let calls = 0
  let length = 0
  const startedAt = performance.now()
  for (; performance.now() - startedAt < ms; calls += batch) for (let i = 0; i < batch; i++) length += render().length
  const elapsed = performance.now() - startedAt
  if (length === 0) throw new Error('nothing was rendered')
  return (elapsed * 1e6) / calls
}

async function compare(engine: Engine, name: string, ours: () => string, rival: () => string, quick: boolean): Promise<Measure> {
  if (ours() !== rival()) throw new Error(`${engine} and its rival do not write the same text`)
  const ms = quick ? 60 : 250
  timed(ours, 300)
  timed(rival, 300)
  const pairs = await alternate(
    quick ? 7 : 15,
    () => timed(ours, ms),
    () => timed(rival, ms),
  )
  const ratio = 1 / medianRatio(pairs, (ns) => ns)
  return {
    what: `render, ${engine}: time per rendering`,
    ours: figure(medianOf(pairs, 'ours', (ns) => ns) / 1000, 'µs'),
    rival: `bare ${name} ${figure(medianOf(pairs, 'rival', (ns) => ns) / 1000, 'µs')}`,
    value: ratio,
    shown: times(ratio),
    bar: { atLeast: 0.8 },
    note: 'the rival’s time by ours',
  }
}

export const render: Row = {
  id: '3',
  title: 'Render with 5 variables against the bare template engine',
  async measure({ quick }) {
    return [
      await compare('mustache', 'mustache.js', oursFor('mustache'), bareMustache(), quick),
      await compare('liquid', 'liquidjs', oursFor('liquid'), bareLiquid(), quick),
    ]
  },
}
