/**
 * The rival of the create row: the rows of a new prompt written by bare `pg`, one transaction each, role and workspace
 * set, and nothing else: no HTTP, no checks, no template, no reply. In as many round trips as the service: begin with the
 * prompt and all its rows (pipelined), the events with their audit entries, commit; both statements named, so that they
 * are planned once per connection.
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
}>

/** Of one prompt; the bench counts those of the service and compares. */
export const roundTrips = 3

/** UUIDv7, as the service's ids: new rows go to the end of their indexes. */
function newId(): string {
  const time = Date.now().toString(16).padStart(12, '0')
  const random = randomUUID()
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(15, 18)}-${random.slice(19)}`
}

const rows = {
  name: 'rows',
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
  select id from made`,
}
const events = {
  name: 'events',
  text: `with told as (insert into outbox (type, subject, data, actor, request_id, created_at)
    values ('prompt.created', $1, $2, $3, $4, $5), ('prompt.label_moved', $1, $6, $3, $4, $5) returning id, xid),
  audited as (insert into audit_entry (at, actor, action, subject, after_hash, request_id, data)
    values ($5, $3, 'prompt.created', $1, $7, $4, $2), ($5, $3, 'prompt.label_moved', $1, $7, $4, $6))
  select id, xid from told`,
}

async function write(client: pg.Client, { workspaceId, content, variables, prefix }: WriterJob, number: number): Promise<void> {
  const id = newId()
  const name = `${prefix} ${number}`
  const at = new Date().toISOString()
  const text = JSON.stringify(`${content} ${number}`)
  const checksum = createHash('sha256').update(text).digest('hex')
  const data = JSON.stringify({ category: 'bench', name, version: 1 })
  const moved = JSON.stringify({ category: 'bench', name, label: 'production', from: null, to: 1 })
  const begun = client.query(`begin; set local app.workspace_id = '${workspaceId}'`)
  await client.query({ ...rows, values: [id, 'bench', name, 'production', 'bootstrap', at, text, variables, checksum] })
  await client.query({ ...events, values: [id, data, 'bootstrap', id, at, moved, Buffer.from(checksum, 'hex')] })
  await begun
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
  const client = new pg.Client({ connectionString: url, pipeline: true })
  await client.connect()
  await client.query('set role ps_app')
  return client
}

process.on('message', ({ id, job }: { id?: string; job?: WriterJob }) => {
  if (!id || !job) return
  run(job).then(
    (result) => process.send?.({ told: id, result }),
    (error) => process.send?.({ told: id, error: String(error) }),
  )
})
