import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { until } from '../infrastructure/embedded-postgres/testing/sandbox.ts'
import { askerOf } from './testing/ask.ts'
import { installation } from './testing/installation.ts'
import { startWriters } from './testing/writers.ts'

const rounds = Number(process.env.FAULT_ROUNDS ?? 2)

/** What must not be: each event has its entry, each entry is in one block, and nothing is counted with a gap. */
const violations = {
  'each event left one entry': `
    select o.request_id from outbox o left join audit_entry e on e.request_id = o.request_id and e.subject = o.subject and e.action = o.type and e.data = o.data
    group by o.id, o.request_id having count(e.sequence) <> 1`,
  'each entry is sealed once': `
    select coalesce(e.sequence, s.sequence) from audit_entry e full join (select unnest(sequences) as sequence from audit_block) s using (sequence)
    group by 1 having count(e.sequence) <> 1 or count(s.sequence) <> 1`,
  'blocks are counted without a gap': 'select 1 from audit_block having count(*) <> max(number)',
}

test('when service and PostgreSQL are killed in turn while changes are written and sealed, the trail misses nothing and doubles nothing', {
  timeout: 240_000 + rounds * 30_000,
}, async () => {
  await using here = installation()
  let service = await here.start()
  const writers = startWriters(() => service.url)
  for (let round = 0; round < rounds; round++) {
    const goal = writers.acknowledged + 60
    await until('60 more writes are acknowledged', () => writers.acknowledged >= goal)
    await sleep(Math.random() * 1_000)
    if (round % 2 === 0) {
      service.signal('SIGKILL')
      await service.ended
      service = await here.start()
    } else process.kill(here.postmaster()!, 'SIGKILL')
  }
  const goal = writers.acknowledged + 10
  await until('10 more writes are acknowledged', () => writers.acknowledged >= goal)
  await writers.stop()
  const unsealed = `select 1 from audit_entry where sequence > (select coalesce(max(through), 0) from audit_block) limit 1`
  await until('all entries are sealed', async () => (await here.query(unsealed)).length === 0)
  for (const [what, statement] of Object.entries(violations)) expect(await here.query(statement), what).toEqual([])
  const { body } = await askerOf(() => service.url)('GET', '/audit/verify')
  expect(body).toMatchObject({ ok: true, broken: null, unsealed: 0 })
  const lines = readFileSync(join(here.dataDir, 'audit-checkpoints.ndjson'), 'utf8').split('\n')
  console.log(`${body.entries} entries sealed, ${lines.length - 1} checkpoints, ${rounds} kills`)
})
