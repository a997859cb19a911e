import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { test } from 'vitest'

const program = (process.env.PATH ?? '')
  .split(delimiter)
  .map((folder) => join(folder, 'redis-server'))
  .find(existsSync)

/** A test that needs Redis: skipped, and that loudly, where there is no `redis-server`; a failure there when REQUIRE_REDIS=1. @param timeout milliseconds, when it needs longer than others */
export function testWithRedis(name: string, run: () => Promise<void>, timeout?: number): void {
  if (program) return void test(name, { ...(timeout !== undefined && { timeout }) }, run)
  const why = 'there is no redis-server on the PATH (Debian: apt-get install redis-server)'
  if (process.env.REQUIRE_REDIS === '1')
    return void test(name, () => {
      throw new Error(`REQUIRE_REDIS is set, and ${why}`)
    })
  console.warn(`SKIPPED: "${name}": ${why}`)
  test.skip(name, run)
}

export type TestRedis = Readonly<{
  url: string
  port: number
  /** A connection of the test's own: to look, and to do harm. */
  client: Redis
  signal(name: NodeJS.Signals): void
  /** Kill it and wait until it is gone. */
  kill(): Promise<void>
  /** Start it again on the same port, empty. */
  restart(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}>

/** A Redis of the test's own on a free port of the loopback; it keeps nothing on the disk. */
export async function startRedis(): Promise<TestRedis> {
  const { port, ...started } = await launchAnywhere()
  let { server } = started
  const url = `redis://127.0.0.1:${port}`
  const client = new Redis(url, { retryStrategy: () => 50 })
  client.on('error', () => undefined)
  const kill = async () => {
    if (server.exitCode !== null || server.signalCode !== null) return
    const gone = once(server, 'exit')
    server.kill('SIGKILL')
    await gone
  }
  return {
    url,
    port,
    client,
    signal: (name) => void server.kill(name),
    kill,
    async restart() {
      await kill()
      server = await launch(port)
    },
    async [Symbol.asyncDispose]() {
      client.disconnect()
      await kill()
    },
  }
}

/** A port that was free may be taken by somebody else before the server has it: then another one. */
async function launchAnywhere(tries = 5): Promise<{ port: number; server: ChildProcess }> {
  const port = await freePort()
  try {
    return { port, server: await launch(port) }
  } catch (error) {
    if (tries > 1) return launchAnywhere(tries - 1)
    throw error
  }
}

async function launch(port: number): Promise<ChildProcess> {
  const options = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', tmpdir()]
  const server = spawn(program!, options, { stdio: 'ignore' })
  for (const end = Date.now() + 30_000; Date.now() < end; ) {
    if (server.exitCode !== null) throw new Error(`redis-server ended with code ${server.exitCode}`)
    if (await answers(port, server.pid)) return server
    await sleep(20)
  }
  server.kill('SIGKILL')
  throw new Error('redis-server does not answer within 30 s')
}

/** Whether this very server answers, and not another that has the port. */
async function answers(port: number, pid: number | undefined): Promise<boolean> {
  const probe = new Redis(port, '127.0.0.1', { lazyConnect: true, retryStrategy: () => null, connectTimeout: 500 })
  probe.on('error', () => undefined)
  try {
    await probe.connect()
    return (await probe.info('server')).includes(`process_id:${pid}\r\n`)
  } catch {
    return false
  } finally {
    probe.disconnect()
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
