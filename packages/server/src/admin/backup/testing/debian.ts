import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { test } from 'vitest'

const root = '/usr/lib/postgresql'
const newest = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a))[0] : undefined

/** A test that needs Debian's PostgreSQL beside the embedded one: skipped, and that loudly, where it is not installed. */
export function testWithDebian(name: string, timeout: number, run: () => Promise<void>): void {
  if (newest) return void test(name, { timeout }, run)
  console.warn(`SKIPPED: "${name}": there is no PostgreSQL under ${root} (Debian: apt-get install postgresql)`)
  test.skip(name, run)
}

/** Debian's own PostgreSQL on a Unix socket, empty; gone at the end. It does not run as root, and so not in a folder of root's. */
export async function startDebian(): Promise<{ url: string; major: string; [Symbol.asyncDispose](): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'debian-pg-'))
  const account = process.getuid?.() === 0 ? accountOf('postgres') : undefined
  if (account) chownSync(folder, account.uid, account.gid)
  const options = { ...account, cwd: '/', stdio: 'ignore' } as const
  const bin = join(root, newest!, 'bin')
  const data = join(folder, 'data')
  execFileSync(join(bin, 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync'], options)
  const settings = ['listen_addresses=', `unix_socket_directories=${folder}`, 'fsync=off'].flatMap((setting) => ['-c', setting])
  const server: ChildProcess = spawn(join(bin, 'postgres'), ['-D', data, ...settings], options)
  const ended = new Promise((done) => server.once('exit', done))
  const url = `postgresql://postgres@localhost/postgres?host=${encodeURIComponent(folder)}`
  for (let tries = 0; tries < 500 && !(await answers(url)); tries++) await sleep(50)
  return {
    url,
    major: newest!,
    async [Symbol.asyncDispose]() {
      server.kill('SIGINT')
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const accountOf = (name: string) => ({ uid: idOf('-u', name), gid: idOf('-g', name) })
const idOf = (which: string, name: string): number => Number(execFileSync('id', [which, name], { encoding: 'utf8' }))

async function answers(connectionString: string): Promise<boolean> {
  const client = new pg.Client({ connectionString })
  try {
    await client.connect()
    return true
  } catch {
    return false
  } finally {
    await client.end().catch(() => undefined)
  }
}
