import Fastify from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import { AppError } from '../errors.ts'
import { Unavailable } from '../problem.ts'
import { type Check, healthRoutes } from './health.ts'

const fine: Check = { name: 'fine', needed: true, run: async () => ({ detail: 1 }) }
const failing = (name: string, needed: boolean, error: Error = new Error('it is broken')): Check => ({
  name,
  needed,
  run: () => Promise.reject(error),
})
const hanging: Check = { name: 'hanging', needed: true, run: () => new Promise(() => undefined) }

function appWith(checks: Check[], draining = false) {
  const app = Fastify()
  onTestFinished(() => app.close())
  healthRoutes(app, { version: '1.2.3', checks, isDraining: () => draining })
  return async (url: string) => {
    const { statusCode, body } = await app.inject({ url })
    return { status: statusCode, body: JSON.parse(body) }
  }
}

test('all is well: ok and ready, with the details of each check', async () => {
  const get = appWith([fine])
  expect(await get('/health')).toEqual({
    status: 200,
    body: { status: 'ok', version: '1.2.3', uptime: expect.any(Number), checks: { fine: { status: 'ok', detail: 1 } } },
  })
  expect(await get('/readyz')).toEqual({ status: 200, body: { ready: true, reasons: [] } })
})

test('what is not needed may fail: degraded, and ready', async () => {
  const get = appWith([fine, failing('extra', false)])
  expect(await get('/health')).toMatchObject({
    status: 200,
    body: { status: 'degraded', checks: { extra: { status: 'failing', reason: 'it is broken' } } },
  })
  expect(await get('/readyz')).toEqual({ status: 200, body: { ready: true, reasons: [] } })
})

test('what is needed may not: down and not ready, with the reason, and yet alive', async () => {
  const get = appWith([fine, failing('core', true, new AppError(Unavailable, 'The database does not answer.'))])
  expect(await get('/health')).toMatchObject({
    status: 503,
    body: { status: 'down', checks: { core: { status: 'failing', reason: 'The database does not answer.' } } },
  })
  expect(await get('/readyz')).toEqual({ status: 503, body: { ready: false, reasons: ['core: The database does not answer.'] } })
  expect(await get('/livez')).toEqual({ status: 200, body: { status: 'ok' } })
})

test('a check that hangs counts as failing: nobody waits for it', async () => {
  const get = appWith([fine, hanging])
  expect(await get('/readyz')).toEqual({ status: 503, body: { ready: false, reasons: ['hanging: no answer within 2000 ms'] } })
})

test('a service that is closing is healthy and not ready', async () => {
  const get = appWith([fine], true)
  expect((await get('/health')).status).toBe(200)
  expect(await get('/readyz')).toEqual({ status: 503, body: { ready: false, reasons: ['the service is closing'] } })
})
