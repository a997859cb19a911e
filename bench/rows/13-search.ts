/**
 * Row 13: search, at concurrency 1, so that the latency is the cost. Prompts are grown from the real corpora (halves of
 * one joined to halves of another); the queries are fixed (`data/search-queries.json`), ten hits each.
 *
 * The rival of keyword search is one hand-written statement over bare pg, on the same tables, which gives the same prompts
 * with what a list shows of them and the text to highlight: no HTTP, no key, no row-level security, no highlighting, no
 * likely spelling of words that there are not. How often both found the same is noted; that pass warms up both. PostgreSQL's own full-text search (GIN, ts_rank_cd, any word) is reported beside it; it ranks otherwise.
 * Vectors of 100,000 prompts would take hours to encode: those of some hundred real ones are mixed by twos; that changes
 * what is found, not what it costs. Queries are encoded for real; the cache of their vectors never hits.
 *
 * BENCH_SIZES=1000,10000 measures at these numbers of prompts alone.
 */
import pg from 'pg'
import { createOfflineEncoder } from '../../packages/server/src/infrastructure/embeddings/offline.ts'
import { corpus, fillGrown, fixedQueries } from '../lib/corpora.ts'
import { call, type Generator, send, withGenerator } from '../lib/load.ts'
import { figure, type Measure, times } from '../lib/report.ts'
import type { Row } from '../lib/row.ts'
import { rivalSql, termsOf, textSearchSql } from '../lib/search-rival.ts'
import { type Installation, type Service, withAnother, withService, workspaceId } from '../lib/service.ts'
import { alternate, medianOf, medianRatio, quantile } from '../lib/stats.ts'

type Sample = Readonly<{ p50: number; p95: number }>
const sampleOf = (latencies: readonly number[]): Sample => ({ p50: quantile(latencies, 0.5), p95: quantile(latencies, 0.95) })

const searches = (texts: readonly string[], mode: string): string[] =>
  texts.map((query) => send('POST', '/api/v1/prompts/search', { query, mode, limit: 10 }))

async function ours(generator: Generator, { port }: Service, texts: readonly string[], mode: string): Promise<Sample> {
  const result = await generator.run({ port, connections: 1, requests: searches(texts, mode), limit: { count: texts.length } })
  return sampleOf([...result.latencies])
}

async function timed(texts: readonly string[], run: (text: string) => Promise<unknown>): Promise<Sample> {
  const latencies: number[] = []
  for (const text of texts) {
    const startedAt = performance.now()
    await run(text)
    latencies.push(performance.now() - startedAt)
  }
  return sampleOf(latencies)
}

/** Wait until the index has every prompt. */
async function indexAll({ query }: Installation, { port }: Service, prompts: number): Promise<number> {
  const startedAt = performance.now()
  await query('update search_progress set index_version = 0')
  await call(port, 'POST', '/api/v1/prompts', { content: 'a signal for the indexer', category: 'signal' })
  for (;;) {
    const [row] = await query<{ documents: number; walking: boolean }>(
      'select (select count(*)::int from search_document) as documents, walking from search_progress where index_version > 0',
    )
    if (row && !row.walking && row.documents >= prompts) break
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  await query('vacuum analyze search_document')
  await query('vacuum analyze search_term')
  const seconds = (performance.now() - startedAt) / 1000
  // The service remembers for half a minute how rare a word is; the rival looks each time.
  await new Promise((resolve) => setTimeout(resolve, 31_000))
  return seconds
}

async function keywordAt(generator: Generator, service: Service, installation: Installation, texts: readonly string[], rounds: number) {
  const same: string[] = []
  const client = new pg.Client(installation.databaseUrl)
  await client.connect()
  try {
    const rival = (text: string) => client.query<{ id: string }>({ name: 'rival', text: rivalSql, values: [workspaceId, termsOf(text)] })
    for (const query of texts) {
      const { items } = await call<{ items: { id: string }[] }>(service.port, 'POST', '/api/v1/prompts/search', { query, limit: 10 })
      const { rows } = await rival(query)
      if (idsOf(items) === idsOf(rows)) same.push(query)
    }
    const pairs = await alternate(
      rounds,
      () => ours(generator, service, texts, 'keyword'),
      () => timed(texts, rival),
    )
    return { pairs, same: same.length }
  } finally {
    await client.end()
  }
}

const idsOf = (found: readonly { id: string }[]): string =>
  found
    .map(({ id }) => id)
    .sort()
    .join()

/** What PostgreSQL's own search takes: tens of queries, for it is slow. */
async function textSearch(installation: Installation, texts: readonly string[]): Promise<Sample> {
  const client = new pg.Client(installation.databaseUrl)
  await client.connect()
  try {
    await client.query(`create table if not exists text_search as select p.id, setweight(to_tsvector('english', p.name), 'A') ||
      setweight(to_tsvector('english', p.description), 'B') || to_tsvector('english', v.content #>> '{}') as document
      from prompt p join prompt_version v on v.prompt_id = p.id and v.version = p.version`)
    await client.query('create index if not exists text_search_by_document on text_search using gin (document)')
    await client.query('vacuum analyze text_search')
    return await timed(texts, (text) => client.query(textSearchSql, [termsOf(text).join(' or ')]))
  } finally {
    await client.query('drop table if exists text_search').catch(() => undefined)
    await client.end()
  }
}

/** Real vectors of a few prompts, and mixtures of two of them for the others. */
async function fillVectors({ query }: Installation, few: number): Promise<void> {
  const encoder = createOfflineEncoder()
  const texts = corpus()
    .filter((_, i) => i % 13 === 0)
    .slice(0, few)
    .map(({ content }) => content.slice(0, 500) || 'x')
  const vectors = await encoder.embed(texts, 600_000)
  const model = encoder.model
  await encoder.close()
  const ids = await query<{ id: string }>('select prompt_id as id from search_document')
  for (let start = 0; start < ids.length; start += 2_000) {
    const page = ids.slice(start, start + 2_000).map(({ id }, i) => ({ id, vector: mixtureOf(vectors, start + i) }))
    await query(
      `insert into search_vector (workspace_id, prompt_id, model, dimensions, vector)
       select $1, id, $2, 512, vector from unnest($3::uuid[], $4::bytea[]) as v (id, vector) on conflict do nothing`,
      [workspaceId, model, page.map(({ id }) => id), page.map(({ vector }) => vector)],
    )
  }
  await query('delete from search_vector_due')
  await query('analyze search_vector')
}

function mixtureOf(vectors: readonly Float32Array[], n: number): Buffer {
  const [one, other] = [vectors[n % vectors.length]!, vectors[(n * 31 + 7) % vectors.length]!]
  const share = ((n * 2_654_435_761) % 1_000) / 1_000
  const mixed = one.map((x, i) => share * x + (1 - share) * other[i]!)
  const largest = mixed.reduce((most, x) => Math.max(most, Math.abs(x)), 0)
  return Buffer.from(Int8Array.from(mixed, (x) => Math.round((x / largest) * 127)).buffer)
}

type Hybrid = Readonly<{ size: string; texts: readonly string[]; rounds: number }>

async function hybrid(generator: Generator, installation: Installation, { size, texts, rounds }: Hybrid): Promise<Measure> {
  await fillVectors(installation, 120)
  return withAnother(installation.dataDir, { EMBEDDINGS: 'on' }, async (service) => {
    const fresh = (round: number) => texts.map((text) => `${text} ${round}`)
    await ours(generator, service, texts.slice(0, 20), 'hybrid')
    const pairs = await alternate(
      rounds,
      (round) => ours(generator, service, fresh(round), 'hybrid'),
      (round) => ours(generator, service, fresh(round), 'keyword'),
    )
    const ratio = medianRatio(pairs, ({ p95 }) => p95)
    return {
      what: `hybrid at ${size} prompts, p95, the query’s encoding included`,
      ours: figure(
        medianOf(pairs, 'ours', ({ p95 }) => p95),
        'ms',
      ),
      rival: `keyword ${figure(
        medianOf(pairs, 'rival', ({ p95 }) => p95),
        'ms',
      )}`,
      value: ratio,
      shown: times(ratio),
      bar: { atMost: 3 },
    }
  })
}

export const searchRow: Row = {
  id: '13',
  title: 'Search by words against hand-written SQL, and hybrid against words',
  measure: ({ quick, note }) =>
    withGenerator((generator) =>
      withService(async (_keepsDatabaseUp, installation) => {
        const rows = corpus()
        const rounds = quick ? 2 : 5
        const texts = fixedQueries()
          .map(({ text }) => text)
          .slice(0, quick ? 60 : 200)
        const sizes = process.env.BENCH_SIZES?.split(',').map(Number) ?? (quick ? [1_000, 10_000] : [1_000, 10_000, 100_000])
        const measures: Measure[] = []
        const p95s: number[] = []
        await withAnother(installation.dataDir, { EMBEDDINGS: 'off' }, async (service) => {
          let filled = 0
          for (const size of sizes) {
            await fillGrown(installation, rows, filled, size)
            filled = size
            const seconds = await indexAll(installation, service, size)
            const { pairs, same } = await keywordAt(generator, service, installation, texts, rounds)
            const ratio = medianRatio(pairs, ({ p95 }) => p95)
            p95s.push(medianOf(pairs, 'ours', ({ p95 }) => p95))
            const text = await textSearch(installation, texts.slice(0, 30))
            measures.push({
              what: `keyword at ${size.toLocaleString('en-US')} prompts, p95`,
              ours: figure(p95s.at(-1)!, 'ms'),
              rival: `hand-written SQL ${figure(
                medianOf(pairs, 'rival', ({ p95 }) => p95),
                'ms',
              )}`,
              value: ratio,
              shown: times(ratio),
              bar: { atMost: 1.5 },
              note: `p50 ${figure(
                medianOf(pairs, 'ours', ({ p50 }) => p50),
                'ms',
              )} against ${figure(
                medianOf(pairs, 'rival', ({ p50 }) => p50),
                'ms',
              )}; the same prompts in ${same} of ${texts.length}; ts_rank_cd p95 ${figure(text.p95, 'ms')}; indexed in ${figure(seconds, 's')}`,
            })
            note(JSON.stringify(measures.at(-1)))
          }
        })
        const [larger, smaller] = sizes.map((size) => size.toLocaleString('en-US')).reverse()
        if (smaller) {
          const growth = p95s.at(-1)! / p95s.at(-2)!
          measures.push({
            what: `keyword, p95, from ${smaller} to ${larger} prompts`,
            ours: figure(p95s.at(-1)!, 'ms'),
            rival: figure(p95s.at(-2)!, 'ms'),
            value: growth,
            shown: times(growth),
            bar: { atMost: 3 },
          })
        }
        measures.push(await hybrid(generator, installation, { size: larger!, texts: texts.slice(0, 60), rounds }))
        return measures
      }),
    ),
}
