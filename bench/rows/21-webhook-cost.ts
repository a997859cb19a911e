/**
 * Row 21: what one webhook costs those who write: 16 writers, each with the next prompt once the last is answered, with a
 * webhook on `prompt.created` that is active, against the same one while it is not. Deliveries that wait go on waiting
 * while it is not. Service, database, writers and receiver share the machine.
 */
import { promptText } from '../lib/data.ts'
import { type Cost, call, costOf, send, withGenerator } from '../lib/load.ts'
import { figure, times } from '../lib/report.ts'
import type { Row } from '../lib/row.ts'
import { withService } from '../lib/service.ts'
import { alternate, medianOf, medianRatio } from '../lib/stats.ts'
import { withReceiver } from '../lib/webhook-receiver.ts'

const writers = 16
const create = send('POST', '/api/v1/prompts', { content: `${promptText} ########`, name: 'written ########' })

export const webhookCost: Row = {
  id: '21',
  title: 'Writes with one webhook on, against off',
  measure: ({ quick }) =>
    withReceiver(undefined, ({ url, arrivals }) =>
      withService(async (service) => {
        const [count, rounds] = quick ? [2_000, 3] : [5_000, 11]
        const webhook = { name: 'bench', url, events: ['prompt.created'], active: false }
        const { id } = await call<{ id: string }>(service.port, 'POST', '/api/v1/webhooks', webhook)
        const pairs = await withGenerator(async (generator) => {
          let from = 0
          const write = async (active: boolean): Promise<Cost> => {
            await call(service.port, 'PUT', `/api/v1/webhooks/${id}`, { active })
            const job = { port: service.port, connections: writers, requests: [create], from, limit: { count } }
            from += count
            return costOf(generator, service, job, ['201'])
          }
          await write(false)
          return alternate(
            rounds,
            () => write(true),
            () => write(false),
          )
        })
        const rate = ({ perSecond }: Cost) => perSecond
        const ratio = medianRatio(pairs, rate)
        if (arrivals.length === 0) throw new Error('nothing was delivered meanwhile')
        return [
          {
            what: `${writers} writers: prompts per second`,
            ours: `on ${figure(medianOf(pairs, 'ours', rate), '/s')}`,
            rival: `off ${figure(medianOf(pairs, 'rival', rate), '/s')}`,
            value: ratio,
            shown: times(ratio),
            bar: { atLeast: 0.9 },
            note: `${arrivals.length.toLocaleString('en-US')} deliveries were made meanwhile`,
          },
        ]
      }),
    ),
}
