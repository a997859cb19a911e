import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { entriesOf } from '../domain/notifications/testing/mirror-kit.ts'
import { until } from '../infrastructure/embedded-postgres/testing/sandbox.ts'
import { startRedis, testWithRedis } from '../testing/redis.ts'
import { askerOf } from './testing/ask.ts'
import { type Installation, installation } from './testing/installation.ts'
import { assertIntegrity } from './testing/integrity.ts'
import { startWriters } from './testing/writers.ts'

const rounds = Number(process.env.FAULT_ROUNDS ?? 2)
const timeout = 240_000 + rounds * 30_000

type Item = Readonly<{ id: string; type: string; subject: string; requestId: string; data: unknown }>

/** Reads the log by its cursor, whatever happens to the service, until it is told to go to the end. */
function startReader(url: () => string, limit: number) {
  const ask = askerOf(url, 5_000)
  const seen: Item[] = []
  let isLast = false
  const running = (async () => {
    for (let cursor = ''; ; ) {
      const { status, body } = await ask('GET', `/notifications/events?limit=${limit}${cursor && `&cursor=${cursor}`}`)
      if (status === 200) {
        seen.push(...body.items)
        cursor = body.cursor
        if (isLast && body.items.length === 0) return
        if (body.nextCursor) continue
      }
      await sleep(20)
    }
  })()
  return {
    seen,
    async toTheEnd() {
      isLast = true
      await running
    },
  }
}

const toldSql = `select type, subject, request_id as "requestId", data from outbox order by position`
const factsOf = ({ type, subject, requestId, data }: Item) => ({ type, subject, requestId, data })

/** Write, kill the service, and start it again, so many rounds; then let everything come to an end. */
async function killed(here: Installation, env: Record<string, string>, readers: (url: () => string) => ReturnType<typeof startReader>[]) {
  let service = await here.start('main.ts', env)
  const url = () => service.url
  const writers = startWriters(url)
  const reading = readers(url)
  for (let round = 0; round < rounds; round++) {
    const goal = writers.acknowledged + 60
    await until('60 more writes are acknowledged', () => writers.acknowledged >= goal)
    await sleep(Math.random() * 500)
    service.signal('SIGKILL')
    await service.ended
    service = await here.start('main.ts', env)
  }
  const goal = writers.acknowledged + 10
  await until('10 more writes are acknowledged', () => writers.acknowledged >= goal)
  await writers.stop()
  await assertIntegrity(here)
  return { service, reading }
}

test('when the service is killed while it writes, no event is lost or told that did not happen, and readers by cursor see each once', {
  timeout,
}, async () => {
  await using here = installation()
  const { reading } = await killed(here, {}, (url) => [startReader(url, 200), startReader(url, 3)])
  const told = await here.query<Item>(toldSql)
  for (const reader of reading) {
    await reader.toTheEnd()
    expect(reader.seen.map(factsOf)).toEqual(told)
    expect(new Set(reader.seen.map(({ id }) => id)).size).toBe(told.length)
  }
  console.log(`${told.length} events, each read once by two readers, ${rounds} kills`)
})

testWithRedis(
  'when the process that mirrors the feed is killed, the Redis Stream has each event once and in order',
  async () => {
    await using redis = await startRedis()
    await using here = installation()
    await killed(here, { REDIS_URL: redis.url, REDIS_STREAM: 'mirror' }, () => [])
    const told = await here.query<{ position: string }>('select position from outbox order by position')
    const positions = told.map(({ position }) => Number(position))
    await until('the stream is filled', async () => (await entriesOf(redis, 'mirror')).length >= positions.length)
    expect((await entriesOf(redis, 'mirror')).map(({ position }) => position)).toEqual(positions)
    console.log(`${positions.length} events, each once in the Redis Stream, ${rounds} kills`)
  },
  timeout,
)
