/**
 * Row 23: assign a unit over HTTP, key checked, over 64 connections, 512 units in turn: both hashes of the unit, and the
 * keyed hash in its exposure id. The rival is bare node:http with a ready buffer, the same bytes and headers.
 */
import { withRival } from '../lib/bare-rival.ts'
import { fill, idsOf } from '../lib/data.ts'
import { type Cost, call, costOf, get, type Job, withGenerator } from '../lib/load.ts'
import { figure, times } from '../lib/report.ts'
import type { Row } from '../lib/row.ts'
import { withService } from '../lib/service.ts'
import { alternate, medianOf, medianRatio } from '../lib/stats.ts'

const units = Array.from({ length: 512 }, (_, i) => `0192f0c2-5f7a-7cc0-8000-${String(i).padStart(12, '0')}`)

export const assignHttpRow: Row = {
  id: '23',
  title: 'Assign a unit over HTTP against bare node:http',
  measure: ({ quick }) =>
    withService(async (service, installation) => {
      await fill(installation, { category: 'bench', prompts: 2 })
      const [promptAId, promptBId] = await idsOf(installation, 'bench', 2)
      const body = { name: 'bench', promptAId, promptBId, start: true }
      const { id } = await call<{ id: string }>(service.port, 'POST', '/api/v1/optimization/ab-tests', body)
      const pathOf = (unit: string) => `/api/v1/optimization/ab-tests/${id}/assign?unitId=${unit}`
      const pairs = await withRival(service, pathOf(units[0]!), (rival) =>
        withGenerator(async (generator) => {
          const requests = units.map((unit) => get(pathOf(unit)))
          const job = (port: number, ms: number): Job => ({ port, connections: 64, requests, limit: { ms } })
          const ms = quick ? 600 : 1_500
          for (const { port } of [service, rival]) await generator.run(job(port, 2 * ms)) // until the code is hot
          return alternate(
            quick ? 5 : 11,
            () => costOf(generator, service, job(service.port, ms)),
            () => costOf(generator, rival, job(rival.port, ms)),
          )
        }),
      )
      const rate = ({ perSecond }: Cost) => perSecond
      const value = medianRatio(pairs, rate)
      return [
        {
          what: 'assign over HTTP: requests per second',
          ours: figure(medianOf(pairs, 'ours', rate), '/s'),
          rival: `bare node:http ${figure(medianOf(pairs, 'rival', rate), '/s')}`,
          value,
          shown: times(value),
          bar: { atLeast: 0.6 },
          aim: { atLeast: 0.8 },
          note: '64 connections, 512 units in turn',
        },
      ]
    }),
}
