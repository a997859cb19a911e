import { statSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { installation, launchProcess } from './testing/installation.ts'

const source = join(import.meta.dirname, '..')
const open = { BOOTSTRAP_API_KEY: '' }

test.each([
  ['main.ts', 'PORT', 'http'],
  ['main.ts', 'BOOTSTRAP_API_KEY', 'short'],
  ['main.ts', 'DATABASE_URL', 'mysql://host/database'],
  ['worker.ts', 'REDIS_URL', 'localhost'],
  ['admin.ts', 'LOG_LEVEL', 'loud'],
])('%s with %s=%s ends with 2 and one line that names it', async (file, name, value) => {
  const started = launchProcess(join(source, file), { [name]: value }, file === 'admin.ts' ? ['migrate'] : [])
  expect(await started.ended).toEqual({ code: 2, signal: null })
  expect(started.output()).toMatch(new RegExp(`^${name} must be [^\\n]+\\n$`))
})

test('a database that cannot be reached ends the start with 1 and one line', async () => {
  await using here = installation()
  const started = here.launch('main.ts', { DATABASE_URL: 'postgresql://nobody:secret@127.0.0.1:1/none', LOG_LEVEL: 'silent' })
  expect(await started.ended).toEqual({ code: 1, signal: null })
  expect(started.output()).toMatch(/^The service could not start: [^\n]+\n$/)
  expect(started.output()).not.toContain('secret')
})

test('bound where others can reach it, the service refuses to start without a key: one line, and 2', async () => {
  await using here = installation()
  const started = here.launch('main.ts', { ...open, HOST: '0.0.0.0', LOG_LEVEL: 'silent' })
  expect(await started.ended).toEqual({ code: 2, signal: null })
  expect(started.output()).toMatch(/^HOST is 0\.0\.0\.0, [^\n]+BOOTSTRAP_API_KEY[^\n]+\n$/)
})

test('bound where others can reach it, the service starts with ALLOW_OPEN=1, or with a key', async () => {
  await using here = installation()
  const allowed = await here.start('main.ts', { ...open, HOST: '0.0.0.0', ALLOW_OPEN: '1' })
  expect(await statusOf(allowed.url)).toBe(200)
  allowed.signal('SIGTERM')
  await allowed.ended
  const made = here.launch('admin.ts', {}, ['keys', 'bootstrap'])
  expect((await made.ended).code).toBe(0)
  const keyed = await here.start('main.ts', { ...open, HOST: '0.0.0.0' })
  expect(await statusOf(keyed.url)).toBe(401)
})

test('on the loopback address the service starts without a key, and makes the secrets of the installation, for its owner alone', async () => {
  await using here = installation()
  const service = await here.start('main.ts', open)
  expect(await statusOf(service.url)).toBe(200)
  for (const file of ['encryption.key', 'audit-signing.key']) expect(statSync(join(here.dataDir, file)).mode & 0o777).toBe(0o600)
})

test('nothing in a start and an end is deprecated, nor said on standard error', async () => {
  await using here = installation()
  const service = await here.start()
  service.signal('SIGTERM')
  expect(await service.ended).toEqual({ code: 0, signal: null })
  for (const line of service.output().trim().split('\n')) expect(JSON.parse(line)).toMatchObject({ level: 30, service: 'prompt-store' })
})

/** Without a key. */
const statusOf = (url: string): Promise<number> =>
  new Promise((done, failed) => {
    request(`${url}/api/v1/prompts`, (response) => {
      response.resume()
      done(response.statusCode!)
    })
      .on('error', failed)
      .end()
  })
