import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import type { TestProject } from 'vitest/node'
import { startEmbeddedPostgres } from '../infrastructure/embedded-postgres/index.ts'
import { migrate } from '../infrastructure/postgres/migrate.ts'

const template = 'prompt_store_template'

/**
 * One PostgreSQL for all tests: the embedded one, or the one that TEST_DATABASE_URL names (a superuser's URL); and in it
 * a migrated database from which each test clones its own.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { adminUrl, release } = await openServer()
  const admin = new pg.Client(adminUrl)
  await admin.connect()
  await admin.query(`drop database if exists ${template} with (force)`)
  await admin.query(`create database ${template}`)
  await migrate(adminUrl.replace(/\/[^/?]+(\?|$)/, `/${template}$1`))
  project.provide('database', { adminUrl, template })
  return async () => {
    await admin.query(`drop database if exists ${template} with (force)`)
    await admin.end()
    await release()
  }
}

async function openServer(): Promise<{ adminUrl: string; release: () => Promise<void> }> {
  const given = process.env.TEST_DATABASE_URL
  if (given) return { adminUrl: given, release: async () => undefined }
  const dataDir = mkdtempSync(join(tmpdir(), 'prompt-store-test-'))
  chmodSync(dataDir, 0o755) // root's server runs as another user, who must get in
  const server = await startEmbeddedPostgres({ dataDir, log: () => undefined })
  await withoutDisk(server.connectionString)
  return {
    adminUrl: server.connectionString,
    async release() {
      await server.release()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

/** What is thrown away afterwards need not reach the disk; the tests of what a crash leaves have servers of their own. */
async function withoutDisk(adminUrl: string): Promise<void> {
  const admin = new pg.Client(adminUrl)
  await admin.connect()
  for (const setting of ['fsync', 'full_page_writes', 'synchronous_commit']) await admin.query(`alter system set ${setting} = off`)
  await admin.query('select pg_reload_conf()')
  await admin.end()
}
