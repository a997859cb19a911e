import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { until } from '../infrastructure/embedded-postgres/testing/sandbox.ts'
import { type Ask, askerOf } from './testing/ask.ts'
import { installation, type Process } from './testing/installation.ts'
import { assertIntegrity } from './testing/integrity.ts'

const rounds = Number(process.env.FAULT_ROUNDS ?? 3)
const hot = '/prompts/search/moves/one?label=production'

/** An acknowledged move of the label, and when its answer was there. Each goes to a version of its own. */
type Move = { version: number; token: string; at: number }
/** What a read saw; `after` is the client's own last move when the read carried its token. */
type Sight = { version: number; content: string; stale: boolean; begunAt: number; after?: number }
type Observed = { moves: Move[]; sights: Sight[]; contents: Map<number, string>; other: number[] }

/** One client: moves the label to a new version, reads with its token; and reads without one, on either instance. */
async function client(asks: readonly Ask[], id: string, seen: Observed, isOver: () => boolean): Promise<void> {
  const any = () => asks[Math.floor(Math.random() * asks.length)]!
  let own: Move | undefined
  while (!isOver()) {
    if (Math.random() < 0.2) own = (await move(any(), id, seen)) ?? own
    await look(any(), seen, Math.random() < 0.5 ? own : undefined)
    await sleep(Math.random() * 20)
  }
}

async function move(ask: Ask, id: string, seen: Observed): Promise<Move | undefined> {
  const content = `text ${Math.random()}`
  const made = await ask('PUT', `/prompts/${id}/content`, { content })
  if (made.status !== 200) return void seen.other.push(made.status)
  const { version } = made.body as { version: number }
  seen.contents.set(version, content)
  const moved = await ask('PUT', `/prompts/${id}/labels/production`, { version })
  if (moved.status !== 200) return void seen.other.push(moved.status)
  const done = { version, token: moved.headers['x-consistency-token']!, at: performance.now() }
  seen.moves.push(done)
  return done
}

async function look(ask: Ask, seen: Observed, own: Move | undefined): Promise<void> {
  const begunAt = performance.now()
  const { status, headers, body } = await ask('GET', hot, undefined, own ? { 'x-consistency-token': own.token } : {})
  if (status !== 200) return void seen.other.push(status)
  seen.sights.push({
    version: body.version,
    content: body.content,
    stale: headers['x-prompt-stale'] !== undefined,
    begunAt,
    ...(own && { after: own.version }),
  })
}

const leads = async (ask: Ask) => (await ask('GET', '//health')).body?.checks?.feed?.leader === true

/** Kill the instance that leads, see the other one lead, and bring the killed one back. @returns ms until the other led */
async function killTheLeader(instances: Process[], asks: readonly Ask[], restart: () => Promise<Process>): Promise<number> {
  const leader = (await leads(asks[0]!)) ? 0 : 1
  expect(await leads(asks[leader]!)).toBe(true)
  instances[leader]!.signal('SIGKILL')
  const killed = performance.now()
  await until('the other instance leads', () => leads(asks[1 - leader]!))
  const took = Math.round(performance.now() - killed)
  await instances[leader]!.ended
  instances[leader] = await restart()
  return took
}

test('labels moved at random on two instances are never seen older than one’s own write, nor than a second, while the feed’s leader is killed', {
  timeout: 240_000 + rounds * 30_000,
}, async () => {
  await using here = installation()
  const instances = [await here.start(), await here.start()]
  const asks = instances.map((_, i) => askerOf(() => instances[i]!.url))
  const { body: prompt } = await asks[0]!('POST', '/prompts', { category: 'moves', name: 'one', content: 'first' })
  const seen: Observed = { moves: [], sights: [], contents: new Map([[1, 'first']]), other: [] }
  let over = false
  const clients = Array.from({ length: 16 }, () =>
    client(
      instances.map((_, i) => askerOf(() => instances[i]!.url)),
      prompt.id,
      seen,
      () => over,
    ),
  )
  const takeovers: number[] = []
  for (let round = 0; round < rounds; round++) {
    const goal = seen.moves.length + 40
    await until('more moves', () => seen.moves.length >= goal)
    takeovers.push(await killTheLeader(instances, asks, () => here.start()))
  }
  const goal = seen.moves.length + 40
  await until('more moves', () => seen.moves.length >= goal)
  over = true
  await Promise.all(clients)

  const order = await here.query<{ version: number }>(
    `select to_version as version from prompt_label_move where label = 'production' order by id`,
  )
  const placeOf = new Map(order.map(({ version }, place) => [version, place]))
  console.log(
    `${seen.moves.length} moves and ${seen.sights.length} reads; ms until another led: ${takeovers.join(' ')}; broken off: ${seen.other.length}`,
  )
  expect(seen.sights.filter(({ version, content }) => !placeOf.has(version) || seen.contents.get(version) !== content)).toEqual([])
  // A machine that lets a read of the feed wait for a second makes an answer stale now and then, and that is told with it.
  const current = seen.sights.filter(({ stale }) => !stale)
  expect(current.length).toBeGreaterThan(seen.sights.length / 2)
  expect(seen.sights.filter(({ version, after }) => after !== undefined && placeOf.get(version)! < placeOf.get(after)!)).toEqual([])
  expect(current.filter((sight) => placeOf.get(sight.version)! < placeASecondBefore(sight, seen.moves, placeOf))).toEqual([])
  expect(seen.other.filter((status) => status !== 0)).toEqual([])
  await assertIntegrity(here)
})

/** Where the label stood for certain a second before the read began. */
const placeASecondBefore = ({ begunAt }: Sight, moves: readonly Move[], placeOf: ReadonlyMap<number, number>): number =>
  Math.max(0, ...moves.filter(({ at }) => at < begunAt - 1_000).map(({ version }) => placeOf.get(version)!))
