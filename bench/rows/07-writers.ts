/**
 * Row 7: 64 writers change the content of one prompt, against the same number of changes spread over 64 prompts.
 * Reported: writers of one prompt queue on its row, and each waits for those before it. What is checked: nobody fails,
 * and the numbers of the versions have no gap and no repetition.
 */
import { promptText } from '../lib/data.ts'
import { type Cost, call, costOf, type Generator, send, withGenerator } from '../lib/load.ts'
import { figure, type Measure, times } from '../lib/report.ts'
import type { Row } from '../lib/row.ts'
import { type Installation, type Service, withService } from '../lib/service.ts'
import { alternate, medianOf, medianRatio, type Pair, quantile } from '../lib/stats.ts'

const writers = 64

const change = (id: string): string => send('PUT', `/api/v1/prompts/${id}/content`, { content: `${promptText} ########` })

async function compare(generator: Generator, service: Service, count: number, rounds: number): Promise<Pair<Cost>[]> {
  const ids: string[] = []
  for (let n = 0; n <= writers; n++)
    ids.push((await call<{ id: string }>(service.port, 'POST', '/api/v1/prompts', { content: promptText, name: `written ${n}` })).id)
  const [one, ...many] = ids.map(change)
  let from = 0
  const write = async (requests: string[]) => {
    const cost = await costOf(generator, service, { port: service.port, connections: writers, requests, from, limit: { count } })
    from += count
    return cost
  }
  await write(many)
  return alternate(
    rounds,
    () => write([one!]),
    () => write(many),
  )
}

/** @throws when a number is missing or a change made no version */
async function assertNoGaps({ query }: Installation, changes: number): Promise<void> {
  const [found] = await query<{ made: number; gaps: number }>(
    `select sum(n)::int - count(*)::int as made, count(*) filter (where n <> last or first <> 1 or last <> newest)::int as gaps from (
       select count(*) as n, min(v.version) as first, max(v.version) as last, max(p.version) as newest
       from prompt_version v join prompt p on p.id = v.prompt_id where p.name like 'written %' group by p.id) each`,
  )
  if (found!.gaps > 0) throw new Error(`${found!.gaps} prompts have gaps in the numbers of their versions`)
  if (found!.made !== changes) throw new Error(`${changes} changes were acknowledged and ${found!.made} versions are there`)
}

function measures(pairs: readonly Pair<Cost>[]): Measure[] {
  const rate = (one: Cost) => one.perSecond
  const slowest = (side: 'ours' | 'rival') =>
    figure(
      medianOf(pairs, side, ({ latencies }) => quantile([...latencies], 0.99)),
      'ms',
    )
  return [
    {
      what: '64 writers on one prompt: changes per second',
      ours: figure(medianOf(pairs, 'ours', rate), '/s'),
      rival: `on 64 prompts ${figure(medianOf(pairs, 'rival', rate), '/s')}`,
      value: medianRatio(pairs, rate),
      shown: times(medianRatio(pairs, rate)),
      note: `no gap in the numbers, no failure; 99 % within ${slowest('ours')} against ${slowest('rival')}`,
    },
  ]
}

export const writersRow: Row = {
  id: '7',
  title: '64 parallel writers on one prompt against 64 prompts',
  measure: ({ quick }) =>
    withService(async (service, installation) => {
      const [count, rounds] = quick ? [500, 2] : [2_000, 3]
      const pairs = await withGenerator((generator) => compare(generator, service, count, rounds))
      await assertNoGaps(installation, count * (2 * rounds + 1))
      return measures(pairs)
    }),
}
