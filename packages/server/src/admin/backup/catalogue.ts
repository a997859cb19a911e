import type pg from 'pg'

/**
 * Tables that a backup leaves out, and why. All others of the schema `public` are in it, whoever adds them.
 * (`pgboss`, the queue, is a schema of its own and left out: schedules are made anew at the start, and a job that was
 * waiting refers to a moment that is over.)
 */
export const leftOut: Readonly<Record<string, string>> = {
  schema_migration: 'stands in the header; restoring makes it anew by migrating',
  usage_fold: 'which transactions are counted: their numbers mean nothing elsewhere, so all is counted anew',
  ab_fold: 'as above, for outcomes of tests',
  idempotency_key: 'answers of the last day; they name transactions of the old server',
  session: 'who is logged in logs in again',
  login_attempt: 'a login that is under way begins again',
  job_schedule: 'schedules are made anew at the start',
}

/** Tables that are not restored when one workspace or one prompt is: what the living store has goes on, or makes them anew. */
export const notInParts: Readonly<Record<string, string>> = {
  outbox: 'the feed of the living store goes on; the restored prompts are told in it',
  event_log_start: 'as above',
  audit_entry: 'the trail of the living store goes on, and cannot be added to afterwards',
  audit_block: 'as above',
  search_document: 'made anew from what the feed tells',
  search_term: 'as above',
  search_statistics: 'as above',
  search_vector: 'as above',
  search_vector_due: 'as above',
  lifecycle_automation_run: 'a run is of the prompts as they were',
  lifecycle_automation_outcome: 'as above',
  webhook: 'a copy would send to the same receivers; its secrets are sealed for its own installation',
  webhook_secret: 'as above',
  webhook_health: 'as above',
  webhook_delivery: 'they refer to events, and those of the living store are its own',
  webhook_attempt: 'as above',
  webhook_replay: 'as above',
  ab_exposure: 'who saw what in the living store; a restored test goes on with it',
  ab_outcome: 'as above',
  ab_outcome_id: 'as above',
  ab_unit: 'as above: what is counted of the living store’s outcomes',
  ab_sum: 'as above',
  ab_bin: 'as above',
  ab_series: 'as above',
  ab_exposed: 'as above',
  ab_tally: 'as above',
  ab_watch: 'as above',
  usage_series: 'measurements are of the living store: their numbers, keys and transactions are its own',
  usage_event: 'as above',
  usage_rollup: 'as above',
  usage_user: 'as above',
  usage_purged: 'as above',
  analytics_alert: 'they watch the measurements and prompts of the living store',
  prompt_redaction: 'who asked for a redaction asks again',
  dead_job: 'what failed then is not to be run now',
}

/** What belongs to one prompt alone and comes with it. */
export const ofOnePrompt: readonly string[] = [
  'prompt',
  'prompt_version',
  'prompt_label',
  'prompt_label_move',
  'prompt_include',
  'lifecycle_move',
]

/** Types whose values mean something in their own server only; such columns take their default at a restore. */
const ofTheServer = ['xid', 'xid8', 'pg_snapshot', 'pg_lsn', 'tid', 'cid', 'oid', 'regclass']

export type Column = Readonly<{ name: string; type: string; identity: boolean; generated: boolean; hasDefault: boolean; nullable: boolean }>
export type Table = Readonly<{ name: string; columns: readonly Column[]; parents: readonly string[] }>
type Row = Table & { wholly: boolean }

const tablesSql = `
select c.relname as name,
  (select json_agg(json_build_object('name', a.attname, 'type', t.typname, 'identity', a.attidentity <> '', 'generated', a.attgenerated <> '',
      'hasDefault', a.atthasdef, 'nullable', not a.attnotnull) order by a.attnum)
    from pg_attribute a join pg_type t on t.oid = a.atttypid where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
  (select coalesce(json_agg(distinct f.relname), '[]') from pg_constraint k join pg_class f on f.oid = k.confrelid
    where k.conrelid = c.oid and k.contype = 'f' and f.oid <> c.oid) as parents,
  has_table_privilege('ps_system', c.oid, 'select') and (not c.relrowsecurity or (
    exists (select 1 from pg_policies p where p.schemaname = 'public' and p.tablename = c.relname and p.permissive = 'PERMISSIVE'
      and p.roles && '{ps_system,public}' and p.cmd in ('ALL', 'SELECT') and p.qual = 'true')
    and not exists (select 1 from pg_policies p where p.schemaname = 'public' and p.tablename = c.relname and p.permissive = 'RESTRICTIVE'
      and p.roles && '{ps_system,public}' and p.cmd in ('ALL', 'SELECT')))) as wholly
from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition order by c.relname`

/**
 * The tables that are copied, parents first.
 * @throws Error when one cannot be read whole, or a column of it neither be copied nor filled
 */
export async function tablesOf(client: pg.ClientBase): Promise<Table[]> {
  const { rows } = await client.query<Row>(tablesSql)
  const copied = rows.filter(({ name }) => !(name in leftOut))
  for (const { name, wholly, columns } of copied) {
    if (!wholly) throw new Error(`the table ${name} cannot be read whole: ps_system needs "select" on it and a policy that shows every row`)
    const lost = columns.find((column) => ofTheServer.includes(column.type) && !column.hasDefault && !column.nullable)
    if (lost)
      throw new Error(`the column ${name}.${lost.name} is of the type ${lost.type}, which no other server knows, and has no default`)
  }
  return parentsFirst(copied)
}

/** The columns that a backup holds. */
export const copiedColumns = ({ columns }: Table): Column[] =>
  columns.filter(({ generated, type }) => !generated && !ofTheServer.includes(type))

/** Workspaces first, so that a reader knows them before all that they hold. @throws Error for tables that refer to each other in a circle */
export function parentsFirst<T extends Table>(tables: readonly T[]): T[] {
  const left = new Map(tables.map((table) => [table.name, table]))
  const sorted: T[] = []
  const rank = ({ name }: T) => (name === 'workspace' ? 0 : 1)
  while (left.size > 0) {
    const free = [...left.values()].filter(({ parents }) => !parents.some((parent) => left.has(parent)))
    if (free.length === 0) throw new Error(`these tables refer to each other in a circle: ${[...left.keys()].join(', ')}`)
    const [next] = free.sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1))
    left.delete(next!.name)
    sorted.push(next!)
  }
  return sorted
}

export type Sequence = Readonly<{ name: string; last: string | null }>

/** Where the sequences stand. Only their owner may ask. */
export const sequencesOf = async (client: pg.ClientBase): Promise<Sequence[]> =>
  (
    await client.query<Sequence>(
      `select sequencename as name, last_value::text as last from pg_sequences where schemaname = 'public' order by 1`,
    )
  ).rows

export type AppliedMigration = Readonly<{ name: string; checksum: string }>

/** @returns undefined where no store was ever made */
export async function appliedMigrations(client: pg.ClientBase): Promise<AppliedMigration[] | undefined> {
  const { rows } = await client.query<{ known: boolean }>(`select to_regclass('public.schema_migration') is not null as known`)
  if (!rows[0]!.known) return undefined
  return (await client.query<AppliedMigration>('select name, checksum from schema_migration order by name')).rows
}
