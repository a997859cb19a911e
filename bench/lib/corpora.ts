import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { type Installation, workspaceId } from './service.ts'

const folder = new URL('../../../shared/data/prompts/', import.meta.url)
const queriesFile = new URL('../data/search-queries.json', import.meta.url)

export type CorpusRow = Readonly<{ title: string; content: string; description?: string; tags?: readonly string[] }>
export type FixedQuery = Readonly<{ text: string; title: string }>

/** The queries that search is measured by: descriptions of fabric's patterns (MIT), each with the pattern it describes. */
export const fixedQueries = (): FixedQuery[] => (JSON.parse(readFileSync(queriesFile, 'utf8')) as { queries: FixedQuery[] }).queries

/** @throws when the real corpora are not there */
export function corpus(name?: string): CorpusRow[] {
  if (!existsSync(folder)) throw new Error('the real corpora (../shared/data/prompts) are not there: this row cannot be measured')
  const files = readdirSync(folder).filter((file) => file.endsWith('.jsonl') && (!name || file === `${name}.jsonl`))
  return files.flatMap((file) =>
    readFileSync(new URL(file, folder), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as CorpusRow),
  )
}

/** Half of one real prompt and half of another, other halves for each number: as many prompts as one wants. */
function grown(rows: readonly CorpusRow[], n: number): { name: string; description: string; content: string; tags: readonly string[] } {
  const one = rows[n % rows.length]!
  const round = Math.floor(n / rows.length)
  const other = rows[(n * 7 + round * 1_009) % rows.length]!
  const half = (text: string, last: boolean) => (last ? text.slice(text.length / 2) : text.slice(0, text.length / 2)).slice(0, 3_000)
  const content = round === 0 ? one.content.slice(0, 6_000) : `${half(one.content, false)}\n${half(other.content, true)}`
  return { name: `${one.title} ${n}`.slice(-200), description: one.description ?? '', content: content || 'x', tags: one.tags ?? [] }
}

/** Put grown prompts straight into the tables, numbers `from` to `to` (exclusive), in 40 categories. */
export async function fillGrown({ query }: Installation, rows: readonly CorpusRow[], from: number, to: number): Promise<void> {
  for (let start = from; start < to; start += 2_000) {
    const prompts = Array.from({ length: Math.min(2_000, to - start) }, (_, i) => ({ n: start + i, ...grown(rows, start + i) }))
    const json = JSON.stringify(prompts).replaceAll('\\u0000', '')
    await query(
      `with given as (
        select uuidv7() as id, g.* from jsonb_to_recordset($2::jsonb) as g (n int, name text, description text, content text, tags text[])
      ), made as (
        insert into prompt (workspace_id, id, category, name, description, type, tags, metadata, is_template, status, version, revision, created_by, created_at, updated_at)
        select $1, id, 'category ' || n % 40, name, description, 'text', coalesce(tags, '{}'), '{}', n % 10 = 0, 'draft', 1, 1, 'bench', now(), now() from given
      )
      insert into prompt_version (workspace_id, prompt_id, version, engine, content, variables, config, checksum, change_type, metadata, created_by, created_at)
      select $1, id, 1, 'none', to_jsonb(content), '[]', '{}', encode(sha256(convert_to(id::text, 'UTF8')), 'hex'), 'create', '{}', 'bench', now() from given`,
      [workspaceId, json],
    )
  }
  await query(`insert into prompt_label (workspace_id, prompt_id, label, version)
    select workspace_id, id, 'production', version from prompt on conflict do nothing`)
  await query('analyze')
}
