/**
 * Row 14: does search find what is meant? The 225 patterns of fabric (MIT), their content alone in the store (names tell
 * nothing), and each one's description as the query: is the pattern among the first ten (recall@10), and how far up (MRR,
 * the mean of 1/rank)? Intervals by 10,000 bootstrap samples of the queries, seed 1; hybrid against keyword is paired.
 */
import { corpus, fixedQueries } from '../lib/corpora.ts'
import { call } from '../lib/load.ts'
import type { Measure } from '../lib/report.ts'
import type { Row } from '../lib/row.ts'
import { type Installation, type Service, withAnother, withService } from '../lib/service.ts'
import { quantile } from '../lib/stats.ts'

const modes = ['keyword', 'semantic', 'hybrid'] as const
type Mode = (typeof modes)[number]

/** For each query 1/rank of the right prompt, 0 when it is not among the first ten. */
type Outcome = readonly number[]
const recallOf = (outcome: Outcome): number => outcome.filter((value) => value > 0).length / outcome.length
const mrrOf = (outcome: Outcome): number => outcome.reduce((sum, value) => sum + value, 0) / outcome.length

async function fill({ port }: Service, { query }: Installation): Promise<Map<string, string>> {
  const ids = new Map<string, string>()
  for (const [i, { title, content }] of corpus('fabric-patterns').entries()) {
    const { id } = await call<{ id: string }>(port, 'POST', '/api/v1/prompts', { name: `p${i}`, category: 'q', engine: 'none', content })
    ids.set(title, id)
  }
  for (;;) {
    const [row] = await query<{ documents: number; due: number }>(
      'select (select count(*)::int from search_document) as documents, (select count(*)::int from search_vector_due) as due',
    )
    if (row && row.documents === ids.size && row.due === 0) return ids
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
}

async function ask({ port }: Service, mode: Mode, ids: ReadonlyMap<string, string>): Promise<Outcome> {
  const outcome: number[] = []
  for (const { text, title } of fixedQueries()) {
    const { items, mode: used } = await call<{ items: { id: string }[]; mode: string }>(port, 'POST', '/api/v1/prompts/search', {
      query: text,
      mode,
      limit: 10,
    })
    if (used !== mode) throw new Error(`a search in mode ${mode} was answered in mode ${used}`)
    const rank = items.findIndex(({ id }) => id === ids.get(title)) + 1
    outcome.push(rank === 0 ? 0 : 1 / rank)
  }
  return outcome
}

/** Numbers from 0 to 1, always the same ones (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The 95 % interval of a mean over queries. */
function intervalOf(values: readonly number[]): [number, number] {
  const random = randomFrom(1)
  const means = Array.from({ length: 10_000 }, () => {
    let sum = 0
    for (let i = 0; i < values.length; i++) sum += values[Math.floor(random() * values.length)]!
    return sum / values.length
  })
  return [quantile(means, 0.025), quantile(means, 0.975)]
}

const shown = (value: number): string => value.toFixed(3)
const between = ([from, to]: readonly [number, number]): string => `95 % interval ${shown(from)} to ${shown(to)}`
const found = (outcome: Outcome): number[] => outcome.map((value) => (value > 0 ? 1 : 0))

const measureOf = (mode: Mode, outcome: Outcome): Measure => ({
  what: `${mode}: recall@10`,
  ours: `${shown(recallOf(outcome))}, MRR ${shown(mrrOf(outcome))}`,
  rival: 'no rival',
  value: recallOf(outcome),
  shown: shown(recallOf(outcome)),
  ...(mode === 'keyword' && { bar: { atLeast: 0.8 } }),
  note: `${between(intervalOf(found(outcome)))}; MRR ${between(intervalOf(outcome))}`,
})

export const searchQuality: Row = {
  id: '14',
  title: 'Search quality on fabric: content alone indexed, descriptions as queries',
  measure: () =>
    withService(async (_keepsDatabaseUp, installation) =>
      withAnother(installation.dataDir, { EMBEDDINGS: 'on' }, async (service) => {
        const ids = await fill(service, installation)
        const outcomes = new Map<Mode, Outcome>()
        for (const mode of modes) outcomes.set(mode, await ask(service, mode, ids))
        const [keyword, hybrid] = [found(outcomes.get('keyword')!), found(outcomes.get('hybrid')!)]
        const gains = hybrid.map((value, i) => value - keyword[i]!)
        const gain = gains.reduce((sum, value) => sum + value, 0) / gains.length
        return [
          ...modes.map((mode) => measureOf(mode, outcomes.get(mode)!)),
          {
            what: 'hybrid: recall@10 above keyword’s',
            ours: shown(recallOf(outcomes.get('hybrid')!)),
            rival: `keyword ${shown(recallOf(outcomes.get('keyword')!))}`,
            value: gain,
            shown: shown(gain),
            bar: { atLeast: 0 },
            note: between(intervalOf(gains)),
          },
        ]
      }),
    ),
}
