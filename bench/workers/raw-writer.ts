/**
 * The rival of the create row: the rows of a new prompt written by bare `pg`, one transaction each, role and workspace
 * set, and nothing else: no HTTP, no checks, no template, no reply. It can write them table by table in 8 round trips
 * (begin, prompt, former name, version, label, its move, outbox, commit), or all in one named statement in 3, so that it
 * can take as many as the service does.
 */
import { createHash, randomUUID } from 'node:crypto'
import pg from 'pg'

export type WriterJob = Readonly<{
  databaseUrl: string
  workspaceId: string
  clients: number
  ms: number
  content: string
  variables: string
  prefix: string
  roundTrips: 3 | 8
}>

const prompt = `insert into prompt (id, category, name, description, type, tags, metadata, is_template, status, version, revision, created_by, created_at, updated_at, deleted_at, parent_prompt_id, parent_version)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) on conflict (workspace_id, category, name) where deleted_at is null do nothing returning id`
const formerName = 'delete from prompt_former_name where category = $1 and name = $2'
const version = `insert into prompt_version (version, checksum, change_summary, change_type, created_by, created_at, prompt_id, engine, content, variables, config, metadata)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`
const label = `insert into prompt_label (prompt_id, label, version) values ($1, $2, $3)
  on conflict (workspace_id, prompt_id, label) do update set version = excluded.version`
const move =
  'insert into prompt_label_move (prompt_id, label, from_version, to_version, reason, moved_by, moved_at) values ($1, $2, $3, $4, $5, $6, $7)'
const event = (n: number) => `insert into outbox (type, subject, data, actor, request_id, created_at)
  values ${Array.from({ length: n }, (_, i) => `($${6 * i + 1}, $${6 * i + 2}, $${6 * i + 3}, $${6 * i + 4}, $${6 * i + 5}, $${6 * i + 6})`).join(', ')} returning id, xid`

/** UUIDv7, as the service's ids: new rows go to the end of their indexes. */
function newId(): string {
  const time = Date.now().toString(16).padStart(12, '0')
  const random = randomUUID()
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(15, 18)}-${random.slice(19)}`
}

/** All of it at once; $4 is the label. Named, so that it is planned once per connection. */
const everything = {
  name: 'everything',
  text: `with made as (
    insert into prompt (id, category, name, description, type, tags, metadata, is_template, status, version, revision, created_by, created_at, updated_at)
    values ($1, $2, $3, '', 'text', '{}', '{}', false, 'draft', 1, 1, $5, $6, $6)
    on conflict (workspace_id, category, name) where deleted_at is null do nothing returning id),
  forgotten as (delete from prompt_former_name where category = $2 and name = $3),
  versioned as (
    insert into prompt_version (prompt_id, version, engine, content, variables, config, checksum, change_type, metadata, created_by, created_at)
    select id, 1, 'mustache', $7::jsonb, $8::jsonb, '{}', $9, 'create', '{}', $5, $6 from made),
  labelled as (insert into prompt_label (prompt_id, label, version) select id, $4, 1 from made),
  moved as (insert into prompt_label_move (prompt_id, label, to_version, moved_by, moved_at) select id, $4, 1, $5, $6 from made)
  insert into outbox (type, subject, data, actor, request_id, created_at)
  select type, id::text, data, $5, $10, $6 from made, (values ('prompt.created', $11::jsonb), ('prompt.label_moved', $12::jsonb)) e (type, data)
  returning id, xid`,
}

async function write(client: pg.Client, { workspaceId, content, variables, prefix, roundTrips }: WriterJob, number: number): Promise<void> {
  const id = newId()
  const name = `${prefix} ${number}`
  const at = new Date().toISOString()
  const text = JSON.stringify(`${content} ${number}`)
  const checksum = createHash('sha256').update(text).digest('hex')
  const data = JSON.stringify({ category: 'bench', name, version: 1 })
  const moved = JSON.stringify({ category: 'bench', name, label: 'production', from: null, to: 1 })
  await client.query(`begin; set local role ps_app; set local app.workspace_id = '${workspaceId}'`)
  if (roundTrips === 3)
    await client.query({
      ...everything,
      values: [id, 'bench', name, 'production', 'bootstrap', at, text, variables, checksum, id, data, moved],
    })
  else {
    await client.query(prompt, [id, 'bench', name, '', 'text', [], '{}', false, 'draft', 1, 1, 'bootstrap', at, at, null, null, null])
    await client.query(formerName, ['bench', name])
    await client.query(version, [1, checksum, null, 'create', 'bootstrap', at, id, 'mustache', text, variables, '{}', '{}'])
    await client.query(label, [id, 'production', 1])
    await client.query(move, [id, 'production', null, 1, null, 'bootstrap', at])
    await client.query(event(2), ['prompt.created', id, data, 'bootstrap', id, at, 'prompt.label_moved', id, moved, 'bootstrap', id, at])
  }
  await client.query('commit')
}

let written = 0

async function run(job: WriterJob): Promise<{ requests: number; seconds: number; perSecond: number }> {
  const clients = await Promise.all(Array.from({ length: job.clients }, () => connected(job.databaseUrl)))
  const before = written
  const startedAt = performance.now()
  await Promise.all(
    clients.map(async (client) => {
      while (performance.now() - startedAt < job.ms) await write(client, job, ++written)
    }),
  )
  const seconds = (performance.now() - startedAt) / 1000
  await Promise.all(clients.map((client) => client.end()))
  return { requests: written - before, seconds, perSecond: (written - before) / seconds }
}

async function connected(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  return client
}

process.on('message', ({ id, job }: { id?: string; job?: WriterJob }) => {
  if (!id || !job) return
  run(job).then(
    (result) => process.send?.({ told: id, result }),
    (error) => process.send?.({ told: id, error: String(error) }),
  )
})
