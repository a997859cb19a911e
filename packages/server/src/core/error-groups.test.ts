import { Writable } from 'node:stream'
import type { FastifyBaseLogger } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createLog } from '../infrastructure/telemetry/log.ts'
import { startTestApp, type TestApp } from '../testing/index.ts'
import { endpoint } from './endpoint.ts'
import { createErrorGroups, fingerprintOf } from './error-groups.ts'
import { job } from './jobs.ts'
import { defineModule } from './module.ts'
import { Strict } from './schemas.ts'

/** An error whose stack is as told: frames of ours, of Node and of a library. */
function failing(message: string, file = '/srv/app/packages/server/src/domain/x.ts', line = 1): Error {
  const error = new TypeError(message)
  error.stack = [
    `TypeError: ${message}`,
    '    at Array.map (<anonymous>)',
    '    at read (/srv/app/node_modules/lib/packages/core.js:9:1)',
    `    at async Object.find (file://${file}:${line}:7)`,
    '    at node:internal/process/task_queues:103:5',
  ].join('\n')
  return error
}
const base = fingerprintOf(failing('no "a" of 17 in 01a2033a-4200-73ef-998c-d74e15a8f143'))

describe('a fingerprint', () => {
  test('is 12 hexadecimal digits', () => expect(base).toMatch(/^[0-9a-f]{12}$/))

  test.each([
    ['other texts, numbers and ids in the message', failing('no "another thing" of 4 in 0190f6a2-0000-7000-8000-000000000000')],
    ['another line', failing('no "a" of 17 in 01a2033a-4200-73ef-998c-d74e15a8f143', undefined, 99)],
    [
      'another folder that it is installed in',
      failing('no "b" of 1 in 01a2033a-4200-73ef-998c-d74e15a8f143', '/opt/packages/server/src/domain/x.ts'),
    ],
  ])('stays the same with %s', (_, error) => expect(fingerprintOf(error)).toBe(base))

  test.each([
    ['message', failing('nothing "a" of 17 in 01a2033a-4200-73ef-998c-d74e15a8f143')],
    ['place', failing('no "a" of 17 in 01a2033a-4200-73ef-998c-d74e15a8f143', '/srv/app/packages/server/src/domain/y.ts')],
    ['code', Object.assign(failing('no "a" of 17 in 01a2033a-4200-73ef-998c-d74e15a8f143'), { code: '23505' })],
  ])('changes with another %s', (_, error) => expect(fingerprintOf(error)).not.toBe(base))

  test.each([['a text'], [undefined], [null], [{}], [Object.assign(new Error('x'), { stack: undefined })]])(
    'is made of %j as well',
    (thrown) => expect(fingerprintOf(thrown)).toMatch(/^[0-9a-f]{12}$/),
  )
})

test('there are so many groups and no more; the rest counts as other', () => {
  const errors = createErrorGroups(3)
  for (let n = 0; n < 50; n++) errors.note(failing('x', `/srv/packages/server/src/${n}.ts`), n % 2 ? 'http' : 'job')
  const groups = errors.groups()
  expect(groups.filter(({ fingerprint }) => fingerprint !== 'other')).toHaveLength(3)
  expect(groups.reduce((sum, { count }) => sum + count, 0)).toBe(50)
})

describe('the service', () => {
  let written = ''
  let t: TestApp
  const destination = new Writable({
    write: (chunk, _encoding, done) => {
      written += chunk
      done()
    },
  })
  const fail = job({
    name: 'probe.fail',
    payload: Strict({}),
    retries: 0,
    run: async () => {
      throw new RangeError('the job fails')
    },
  })
  const fault = endpoint({
    name: 'probe.fault',
    method: 'POST',
    path: '/probe/fault',
    access: 'probe:write',
    summary: 'Fail, here and in a job',
    handle: async (_input, ctx) => {
      await ctx.transact((tx) => ctx.enqueue(tx, fail, {}))
      throw new Error(`the probe fails at "${ctx.requestId}"`)
    },
  })
  beforeAll(async () => {
    const modules = [defineModule({ name: 'probe', endpoints: [fault], jobs: [fail] })]
    t = await startTestApp({ log: createLog('info', destination) as FastifyBaseLogger, extraModules: modules })
  })
  afterAll(() => t.stop())
  const logged = (message: string) => {
    const lines = written.split('\n').filter((line) => line.startsWith('{'))
    return lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === message) as { fingerprint?: string }[]
  }
  const counted = async (fingerprint: string, source: string) => {
    const { text } = await t.owner('GET', '//metrics')
    const name = `promptstore_errors_total{fingerprint="${fingerprint}",source="${source}"} `
    return Number(
      text
        .split('\n')
        .find((line) => line.startsWith(name))
        ?.slice(name.length) ?? 0,
    )
  }

  test('logs and counts a fault of ours, and a failed job, under one fingerprint each; the caller is told neither', async () => {
    const answers = [await t.owner('POST', '/probe/fault'), await t.owner('POST', '/probe/fault')]
    for (const { status, text } of answers) {
      expect(status).toBe(500)
      expect(text).not.toContain('fingerprint')
    }
    const [first, second] = logged('request failed')
    expect(first!.fingerprint).toMatch(/^[0-9a-f]{12}$/)
    expect(second!.fingerprint).toBe(first!.fingerprint)
    expect(await counted(first!.fingerprint!, 'http')).toBe(2)
    await expect.poll(() => logged('a job failed').length).toBe(2)
    const [one, other] = logged('a job failed')
    expect(other!.fingerprint).toBe(one!.fingerprint)
    expect(one!.fingerprint).not.toBe(first!.fingerprint)
    expect(await counted(one!.fingerprint!, 'job')).toBe(2)
  })

  test('counts no failure that is declared', async () => {
    await t.owner('GET', '/prompts/01900000-0000-7000-8000-000000000000')
    const { text } = await t.owner('GET', '//metrics')
    expect(text.match(/promptstore_errors_total\{/g)).toHaveLength(2)
  })
})
