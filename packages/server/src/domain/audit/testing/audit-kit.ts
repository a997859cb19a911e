import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startTestApp, type TestApp, type TestDatabase } from '../../../testing/index.ts'
import type { Verification } from '../model/findings.ts'

export type Audited = TestApp &
  Readonly<{
    /** Where the checkpoints go. */
    file: string
    lines(): string[]
    /** Some changes, sealed as a block of their own. */
    change(times?: number): Promise<void>
    verify(query?: string): Promise<Verification>
    /** The trail and its checkpoints as they were when this was called, put back. */
    keep(): Promise<() => Promise<void>>
    /** Statements of whoever owns the database, in one transaction: no trigger holds them. */
    tamper(...statements: string[]): Promise<void>
  }>

const tables = ['audit_entry', 'audit_block']
type Options = Parameters<typeof startTestApp>[0] & { file?: string; database?: TestDatabase }

/** A service with a file of checkpoints, whose trail is sealed when a test asks for it. */
export async function startAudited({ file: given, ...options }: Options = {}): Promise<Audited> {
  const folder = given ? undefined : mkdtempSync(join(tmpdir(), 'prompt-store-audit-'))
  const file = given ?? join(folder!, 'audit-checkpoints.ndjson')
  const t = await startTestApp({ auditCheckpoints: file, auditInBackground: false, ...options })
  let made = 0
  const tamper = async (...statements: string[]) => {
    const off = tables.map((table) => `alter table ${table} disable trigger append_only`)
    const on = tables.map((table) => `alter table ${table} enable trigger append_only`)
    await t.database.query([...off, ...statements, ...on].join(';'))
  }
  return {
    ...t,
    file,
    lines: () => readFileSync(file, 'utf8').split('\n').slice(0, -1),
    async change(times = 3) {
      for (let n = 0; n < times; n++) {
        const { status } = await t.owner('POST', '/prompts', {
          category: 'audited',
          name: `prompt ${Date.now()} ${made++}`,
          content: 'text',
        })
        if (status !== 201) throw new Error(`a prompt was answered ${status}`)
      }
      await t.app.audit.settle()
    },
    verify: async (query = '') => (await t.owner('GET', `/audit/verify${query}`)).body,
    tamper,
    async keep() {
      const text = readFileSync(file, 'utf8')
      for (const table of tables) await t.database.query(`create table kept_${table} as select * from ${table}`)
      return async () => {
        await tamper(
          ...tables.flatMap((table) => [
            `delete from ${table}`,
            `insert into ${table} overriding system value select * from kept_${table}`,
          ]),
        )
        writeFileSync(file, text)
      }
    },
    async stop() {
      await t.stop()
      if (folder) rmSync(folder, { recursive: true, force: true })
    },
  }
}
