import { expect } from 'vitest'
import { until } from '../../infrastructure/embedded-postgres/testing/sandbox.ts'
import { askerOf } from './ask.ts'
import type { Installation } from './installation.ts'
import type { Ledger } from './writers.ts'

/** Each statement lists what must not be; together they are what "no half version" means. */
const violations = {
  'versions 1..n without gaps, and the prompt on the last': `
    select p.id from prompt p left join prompt_version v on v.prompt_id = p.id group by p.id, p.version
    having count(v.version) <> p.version or min(v.version) <> 1 or max(v.version) <> p.version`,
  'labels stand on versions that exist': `
    select l.prompt_id from prompt_label l left join prompt_version v on v.prompt_id = l.prompt_id and v.version = l.version where v.version is null`,
  'each label stands where its last move put it': `
    select l.prompt_id from prompt_label l where l.version is distinct from
      (select m.to_version from prompt_label_move m where m.prompt_id = l.prompt_id and m.label = l.label order by m.id desc limit 1)`,
  'each creation was told once': `
    select p.id from prompt p left join outbox o on o.subject = p.id::text and o.type = 'prompt.created' group by p.id having count(o.id) <> 1`,
  'each later version was told once': `
    select v.prompt_id from prompt_version v left join outbox o on o.subject = v.prompt_id::text and o.type = 'prompt.version_created'
      and (o.data->>'version')::int = v.version where v.version > 1 group by v.prompt_id, v.version having count(o.id) <> 1`,
  'nothing was told that did not happen': `
    select o.id from outbox o where o.type = 'prompt.version_created' and not exists
      (select 1 from prompt_version v where v.prompt_id::text = o.subject and v.version = (o.data->>'version')::int)`,
  'each label move after the first was told': `
    select m.prompt_id from prompt_label_move m where m.from_version is not null group by m.prompt_id having count(*) <>
      (select count(*) from outbox o where o.subject = m.prompt_id::text and o.type = 'prompt.label_moved' and o.data->>'from' is not null)`,
}

/** Positions are 1..n without a gap, and in the order in which each prompt's events were committed. */
const disorder = {
  'positions without gaps': `select count(position), max(position), (select position from feed_head) from outbox
    having count(position) <> coalesce(max(position), 0) or coalesce(max(position), 0) <> (select position from feed_head)`,
  'each prompt in its order': `select * from (select position, lag(position) over (partition by subject order by id) as before from outbox) o where position <= before`,
  'each prompt tells its versions upwards': `select * from (select (data->>'version')::int as version,
    lag((data->>'version')::int) over (partition by subject order by position) as before from outbox where type = 'prompt.version_created') o where version <> before + 1`,
}

const settled = 'select 1 from outbox where position is null limit 1'

/** Nothing half, nothing untold, all of the feed in order. The service runs, and no one writes. */
export async function assertIntegrity({ query }: Pick<Installation, 'query'>): Promise<void> {
  await until('all events have a position', async () => (await query(settled)).length === 0)
  for (const [what, statement] of Object.entries({ ...violations, ...disorder })) expect(await query(statement), what).toEqual([])
}

/** Everything acknowledged is there, as the service itself tells it. */
export async function assertAcknowledged(url: string, { told }: Ledger): Promise<void> {
  const ask = askerOf(() => url)
  for (const { id, versions, production } of told.values()) {
    const { status, body } = await ask('GET', `/prompts/${id}/versions?limit=200`)
    expect(status).toBe(200)
    const stored = new Map((body.items as { version: number; content: string }[]).map(({ version, content }) => [version, content]))
    for (const [version, content] of versions) expect([id, version, stored.get(version)]).toEqual([id, version, content])
    const labels = (await ask('GET', `/prompts/${id}`)).body.labels as { production: number }
    expect(production).toContain(labels.production)
  }
}
