import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { until } from '../infrastructure/embedded-postgres/testing/sandbox.ts'
import { askerOf } from './testing/ask.ts'
import { type Installation, installation, ownerKey } from './testing/installation.ts'
import { assertIntegrity } from './testing/integrity.ts'

const rounds = Number(process.env.FAULT_ROUNDS ?? 3)
const timeout = 240_000 + rounds * 60_000

/** What is not over, and jobs that a killed worker left: the queue gives them to another after a while, and here at once. */
const open = 'select id from bulk_operation where finished_at is null'
const received = 'select id from bulk_operation where received_at is not null'
const takeOver = `update pgboss.job set state = 'retry', start_after = now() where name = 'bulk.run' and state = 'active'`

/** Each statement lists what must not be. */
const violations = {
  'an item is decided': `select id, index from bulk_item i join bulk_operation o on o.id = i.operation_id where i.outcome = 'pending'`,
  'counts are those of the items': `select o.id from bulk_operation o left join bulk_item i on i.operation_id = o.id group by o.workspace_id, o.id
    having o.total <> count(i.index) or o.succeeded <> count(*) filter (where i.outcome = 'succeeded') or o.failed <> count(*) filter (where i.outcome = 'failed')
      or o.skipped <> count(*) filter (where i.outcome = 'skipped')`,
  'the end is told once': `select o.id from bulk_operation o left join outbox e on e.subject = o.id::text and e.type = 'bulk.finished'
    group by o.id having count(e.id) <> 1`,
  'each create made its own prompt': `select i.operation_id, i.index from bulk_item i join bulk_operation o on o.id = i.operation_id and o.kind = 'create'
    left join prompt p on p.id = i.prompt_id where i.outcome = 'succeeded' group by 1, 2 having count(p.id) <> 1`,
  'no prompt is there that no item made': `select p.id from prompt p where p.category like 'round %' and not exists
    (select 1 from bulk_item i where i.prompt_id = p.id)`,
  'each change made one version': `select p.id, p.version from prompt p where p.category like 'round %'
    and p.version <> 1 + (select count(*) from bulk_item i join bulk_operation o on o.id = i.operation_id and o.kind = 'update'
      where i.prompt_id = p.id and i.outcome = 'succeeded')`,
  'atomic is all or nothing': `select id from bulk_operation where atomic and succeeded > 0 and succeeded <> total`,
}

/** Operations of each kind at once; some of their items cannot be done. Answers may fail to come: that is the point. */
async function submitAll(url: string, round: number, earlier: readonly string[]): Promise<void> {
  const send = (method: string, body: unknown) => askerOf(() => url)(method, '/bulk/prompts', body)
  const items = (category: string, n: number) =>
    Array.from({ length: n }, (_, i) => ({
      content: `text ${i}`,
      category: `round ${round} ${category}`,
      name: i % 50 === 49 ? 'n0' : `n${i}`,
    }))
  const lines = items('lines', 300).map((item) => JSON.stringify(item))
  const changes = earlier.map((id, i) => ({ id, content: `round ${round} item ${i}` }))
  await Promise.all([
    send('POST', { items: items('create', 500) }),
    send('POST', { items: items('atomic', 45), atomic: true }),
    send('POST', { items: [...items('includes', 5), ...including(round)] }),
    sendLines(url, lines),
    ...(changes.length > 0 ? [send('PUT', { items: changes })] : []),
  ])
}
const sendLines = (url: string, lines: readonly string[]): Promise<unknown> =>
  fetch(`${url}/api/v1/bulk/prompts`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ownerKey}`, 'content-type': 'application/x-ndjson' },
    body: lines.join('\n'),
  }).catch(() => undefined)
const including = (round: number) =>
  Array.from({ length: 40 }, (_, i) => ({
    content: `{{> round ${round} includes/n${i % 6}}}`,
    category: `round ${round} includes`,
    name: `whole ${i}`,
  }))

/** Let the service work on what is left until nothing is. */
async function allOver(here: Installation): Promise<void> {
  await here.query(takeOver)
  await until('all operations are over', async () => (await here.query(open)).length === 0, 120_000)
}

test('when the service is killed at any point of a bulk operation, it is resumed: nothing is done twice, nothing is lost, nothing is told that did not happen', {
  timeout,
}, async () => {
  await using here = installation()
  let service = await here.start()
  let kills = 0
  for (let round = 0; round < rounds; round++) {
    const earlier = await here.query<{ id: string }>(`select id from prompt where category like 'round %' order by id desc limit 150`)
    const submitted = submitAll(
      service.url,
      round,
      earlier.map(({ id }) => id),
    )
    // Now and then before anything is there: a killed sender finds all or nothing.
    if (round % 4 !== 3) await until('something is taken in', async () => (await here.query(received)).length > round, 60_000)
    for (let left = true; left && kills < (round + 1) * 4; ) {
      await sleep(Math.random() * 300)
      service.signal('SIGKILL')
      kills++
      await service.ended
      service = await here.start()
      await here.query(takeOver)
      left = (await here.query(open)).length > 0
    }
    await submitted
    await here.query(`delete from bulk_item where operation_id in (select id from bulk_operation where received_at is null)`)
    await here.query(`delete from bulk_operation where received_at is null`)
    await allOver(here)
  }
  const kinds = `select distinct regexp_replace(category, '.* ', '') as kind from prompt where category like 'round %' order by 1`
  console.log((await here.query<{ kind: string }>(kinds)).map(({ kind }) => kind))
  const [told] = await here.query<{ operations: number; items: number }>(
    `select count(*)::int as operations, sum(total)::int as items from bulk_operation`,
  )
  console.log(`kill -9 during bulk operations, ${kills} kills: ${told!.operations} operations, ${told!.items} items`)
  expect(told!.items).toBeGreaterThan(0)
  for (const [what, statement] of Object.entries(violations)) expect(await here.query(statement), what).toEqual([])
  await assertIntegrity(here)
})

test('two processes work on the same operations, and nothing is done twice', { timeout }, async () => {
  await using here = installation()
  const service = await here.start()
  await here.start('worker.ts')
  for (let round = 0; round < rounds; round++) {
    await submitAll(service.url, round, [])
    // Each job twice: both workers believe that it is theirs.
    await here.query(
      `insert into pgboss.job (name, data) select name, data from pgboss.job where name = 'bulk.run' and state in ('created', 'active')`,
    )
    await allOver(here)
  }
  for (const [what, statement] of Object.entries(violations)) expect(await here.query(statement), what).toEqual([])
  await assertIntegrity(here)
})
