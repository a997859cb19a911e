/**
 * Row 11: what a call costs as the store grows, at concurrency 1, so that the latency is the cost. Sizes are measured by
 * turns, and each figure is the median latency at the larger size by the one at the smallest. Pages are compared at equal
 * length: a page of 50 of 10 versions has only 10.
 */
import { type Fill, fill, hotPath, idsOf, nameOf } from '../lib/data.ts'
import { type Generator, get, withGenerator } from '../lib/load.ts'
import { figure, type Measure, times } from '../lib/report.ts'
import type { Row } from '../lib/row.ts'
import { type Installation, type Service, withAnother, withService } from '../lib/service.ts'
import { median, quantile } from '../lib/stats.ts'

/** One call at one size. */
type Case = Readonly<{ size: string; port: number; paths: readonly string[] }>

/** Milliseconds: the median over rounds of the median latency, for each case. */
async function latencies(generator: Generator, cases: readonly Case[], rounds: number, calls: number): Promise<number[]> {
  const seen: number[][] = cases.map(() => [])
  for (let round = -1; round < rounds; round++)
    for (const [i, { port, paths }] of cases.entries()) {
      const result = await generator.run({ port, connections: 1, requests: paths.map(get), limit: { count: calls } })
      if (round >= 0) seen[i]!.push(quantile([...result.latencies], 0.5))
    }
  return seen.map(median)
}

const measuresOf = (what: string, cases: readonly Case[], ms: readonly number[]): Measure[] =>
  cases.slice(1).map(({ size }, i) => ({
    what: `${what} at ${size}`,
    ours: figure(ms[i + 1]!, 'ms'),
    rival: `at ${cases[0]!.size} ${figure(ms[0]!, 'ms')}`,
    value: ms[i + 1]! / ms[0]!,
    shown: times(ms[i + 1]! / ms[0]!),
    bar: { atMost: 1.5 },
  }))

type Compare = (what: string, cases: readonly Case[]) => Promise<Measure[]>

/** The same ten prompts with 10, 1,000 and 10,000 versions each, in one store. */
async function byVersions(compare: Compare, { port }: Service, installation: Installation): Promise<Measure[]> {
  const sizes = [10, 1_000, 10_000]
  const content = 'A short text for {{name}}, to keep ten thousand versions of it small.'
  const ids: string[][] = []
  for (const versions of sizes) {
    await fill(installation, { category: `v${versions}`, prompts: 10, versions, content } satisfies Fill)
    ids.push(await idsOf(installation, `v${versions}`, 10))
  }
  const cases = (pathsOf: (size: number, ids: readonly string[]) => readonly string[]): Case[] =>
    sizes.map((size, i) => ({ size: `${size.toLocaleString('en-US')} versions`, port, paths: pathsOf(size, ids[i]!) }))
  const prompts = (suffix: string) => cases((_size, of) => of.map((id) => `/api/v1/prompts/${id}${suffix}`))
  return [
    ...(await compare(
      'list (limit 10)',
      cases((size) => [`/api/v1/prompts?category=v${size}&limit=10`]),
    )),
    ...(await compare('get', prompts(''))),
    ...(await compare('get an old version', prompts('?version=5'))),
    ...(await compare('get by label', prompts('?label=production'))),
    ...(await compare('versions (limit 10)', prompts('/versions?limit=10'))),
    ...(await compare('versions (limit 50)', prompts('/versions?limit=50').slice(1))),
    ...(await withAnother(installation.dataDir, { CACHE_BYTES: '0' }, (uncached) =>
      compare(
        'serve, without caches',
        cases((size) => [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((n) => hotPath(`v${size}`, nameOf(n)))).map((one) => ({
          ...one,
          port: uncached.port,
        })),
      ),
    )),
  ]
}

/** 1,000 and 100,000 prompts, each in a store of its own. */
async function byPrompts(compare: Compare, small: [Service, Installation], large: [Service, Installation]): Promise<Measure[]> {
  const stores = [
    { size: '1k prompts', store: small, prompts: 1_000 },
    { size: '100k prompts', store: large, prompts: 100_000 },
  ]
  for (const { store, prompts } of stores) {
    await fill(store[1], { category: 'bench', prompts: prompts - 100 })
    await fill(store[1], { category: 'few', prompts: 100 })
  }
  const ids = await Promise.all(stores.map(({ store }) => idsOf(store[1], 'bench', 500)))
  const cases = (paths: (i: number) => readonly string[]): Case[] =>
    stores.map(({ size, store }, i) => ({ size, port: store[0].port, paths: paths(i) }))
  return [
    ...(await compare(
      'list (limit 50)',
      cases(() => ['/api/v1/prompts?limit=50']),
    )),
    ...(await compare(
      'list of a category of 100 (limit 50)',
      cases(() => ['/api/v1/prompts?category=few&limit=50']),
    )),
    ...(await compare(
      'list by name (limit 50)',
      cases(() => ['/api/v1/prompts?sort=name&limit=50']),
    )),
    ...(await compare(
      'get',
      cases((i) => ids[i]!.map((id) => `/api/v1/prompts/${id}`)),
    )),
    ...(await compare(
      'versions',
      cases((i) => ids[i]!.map((id) => `/api/v1/prompts/${id}/versions?limit=50`)),
    )),
  ]
}

export const growth: Row = {
  id: '11',
  title: 'Cost as the store grows',
  measure: ({ quick }) =>
    withGenerator((generator) => {
      const [rounds, calls] = quick ? [3, 40] : [7, 200]
      const compare: Compare = async (what, cases) => measuresOf(what, cases, await latencies(generator, cases, rounds, calls))
      return withService(async (service, installation) => [
        ...(await byVersions(compare, service, installation)),
        ...(await withService((...small) => withService((...large) => byPrompts(compare, small, large)))),
      ])
    }),
}
