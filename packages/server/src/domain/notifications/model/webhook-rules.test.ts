import { createPublicKey, verify } from 'node:crypto'
import fc from 'fast-check'
import { Webhook } from 'standardwebhooks'
import { describe, expect, test } from 'vitest'
import { afterOutcomes, type Health, healthWord, healthy, type Outcome } from './health.ts'
import { assertKnownTypes, matchesPattern } from './matching.ts'
import { judge, textOf } from './outcomes.ts'
import { pauseAfter, retryAfterOf } from './schedule.ts'
import { vaultOf } from './sealing.ts'
import { newSecret, publicKeyOf, signatureOf } from './signing.ts'

const at = (minutes: number) => new Date(Date.parse('2026-01-01T00:00:00Z') + minutes * 60_000).toISOString()
const bad: Outcome = { ok: false, gone: false, slows: false }
const good: Outcome = { ...bad, ok: true }

describe('the circuit breaker', () => {
  const after = (outcomes: readonly Outcome[], health: Health = healthy, now = at(0)) => afterOutcomes(health, outcomes, now).next
  test.each<[string, Outcome[], boolean]>([
    ['9 failures are too few to tell', Array(9).fill(bad), false],
    ['10 failures open it', Array(10).fill(bad), true],
    ['7 of 10 open it', [...Array(3).fill(good), ...Array(7).fill(bad)], true],
    ['6 of 10 do not', [...Array(4).fill(good), ...Array(6).fill(bad)], false],
  ])('%s', (_, outcomes, tripped) => expect(after(outcomes).tripped).toBe(tripped))

  test('forgets what was more than five minutes ago', () => {
    expect(after([bad], after(Array(9).fill(bad)), at(5)).tripped).toBe(false)
    expect(after([bad], after(Array(9).fill(bad)), at(4)).tripped).toBe(true)
  })

  test('stays open for 30 s, again for each probe that fails, and is closed by one that succeeds', () => {
    const open = after(Array(10).fill(bad))
    expect([open.blockedUntil, healthWord(open, at(0))]).toEqual([at(0.5), 'open'])
    const again = after([bad], open, at(1))
    expect([again.tripped, again.blockedUntil]).toEqual([true, at(1.5)])
    const closed = after([good], again, at(2))
    expect([closed.tripped, closed.blockedUntil, closed.minutes, closed.failures, healthWord(closed, at(2))]).toEqual([
      false,
      null,
      [],
      0,
      'good',
    ])
  })

  test('a receiver that asks for a pause is held, one that has too much to do is slowed', () => {
    const held = after([{ ...bad, slows: true, retryAfterMs: 120_000 }])
    expect([held.blockedUntil, healthWord(held, at(1)), healthWord(held, at(3))]).toEqual([at(2), 'held', 'good'])
    expect(healthWord(after([{ ...bad, slows: true }]), at(0.5))).toBe('slowed')
  })
})

describe('a webhook is given up', () => {
  const failing = (failures: number, sinceMinutes: number): Health => ({ ...healthy, failures, failingSince: at(-sinceMinutes) })
  test.each<[string, Health, Outcome, string | undefined]>([
    ['after 120 hours of failures, 20 of them', failing(19, 120 * 60), bad, 'failing'],
    ['not for 19 of them', failing(18, 120 * 60), bad, undefined],
    ['not before 120 hours', failing(500, 120 * 60 - 1), bad, undefined],
    ['not when the last attempt succeeds', failing(500, 200 * 60), good, undefined],
    ['at once when it is gone', healthy, { ...bad, gone: true }, 'gone'],
  ])('%s', (_, health, outcome, giveUp) => expect(afterOutcomes(health, [outcome], at(0)).giveUp).toBe(giveUp))
})

describe('pauses', () => {
  test('are those of the schedule ± 20 %, and there is none after the last', () => {
    const seconds = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]
    expect(seconds.map((_, i) => pauseAfter(i + 1, null, { random: 0.5 }))).toEqual(seconds.map((one) => one * 1_000))
    expect(pauseAfter(10, null, { random: 0.5 })).toBeUndefined()
    expect(pauseAfter(1, [], { random: 0.5 })).toBeUndefined()
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 604_800 }), fc.double({ min: 0, max: 1, noNaN: true }), (pause, random) => {
        const ms = pauseAfter(1, [pause], { random })!
        expect(ms).toBeGreaterThanOrEqual(Math.floor(pause * 800))
        expect(ms).toBeLessThanOrEqual(Math.ceil(pause * 1_200))
      }),
    )
  })

  test.each<[string | undefined, number | undefined]>([
    [undefined, undefined],
    ['120', 120_000],
    ['0', undefined],
    ['-5', undefined],
    ['soon', undefined],
    ['999999', 3_600_000],
    [new Date(Date.parse(at(0)) + 60_000).toUTCString(), 60_000],
    [new Date(Date.parse(at(0)) - 60_000).toUTCString(), undefined],
    [new Date(Date.parse(at(0)) + 864e5).toUTCString(), 3_600_000],
  ])('Retry-After: %s is %s ms', (header, ms) => {
    expect(retryAfterOf(header, Date.parse(at(0)))).toBe(ms)
    expect(pauseAfter(1, [1], { retryAfterMs: ms, random: 0.5 })).toBe(Math.max(1_000, ms ?? 0))
  })
})

test.each<[Parameters<typeof judge>[0], object]>([
  [
    { status: 200, tookMs: 1 },
    { ok: true, failure: null },
  ],
  [{ status: 204, tookMs: 1 }, { ok: true }],
  [{ status: 299, tookMs: 1 }, { ok: true }],
  [
    { status: 302, tookMs: 1 },
    { ok: false, failure: 'http', detail: expect.stringContaining('Redirects') },
  ],
  [{ status: 304, tookMs: 1 }, { ok: false }],
  [
    { status: 400, tookMs: 1 },
    { ok: false, slows: false },
  ],
  [
    { status: 410, tookMs: 1 },
    { ok: false, gone: true },
  ],
  [
    { status: 429, headers: { 'retry-after': '9' }, tookMs: 1 },
    { slows: true, retryAfterMs: 9_000, waitMs: 9_000 },
  ],
  [
    { status: 500, headers: { 'retry-after': '9' }, tookMs: 1 },
    { slows: false, retryAfterMs: undefined, waitMs: 9_000 },
  ],
  [
    { status: 503, tookMs: 1 },
    { slows: true, retryAfterMs: undefined },
  ],
  [
    { failure: 'timeout', detail: 'x', tookMs: 1 },
    { ok: false, slows: true, failure: 'timeout', detail: 'x' },
  ],
  [
    { failure: 'closed', status: 200, tookMs: 1 },
    { ok: false, failure: 'closed' },
  ],
  [
    { failure: 'closed', status: 410, tookMs: 1 },
    { ok: false, gone: false },
  ],
])('%j is judged %j', (answered, judged) => expect(judge(answered, Date.parse(at(0)))).toMatchObject(judged))

test('an answer of any bytes can be stored', () => expect(textOf(Buffer.from([0x61, 0, 0xff, 0xc3, 0xa4]))).toBe('a\ufffd\ufffdä'))

test.each<[string[], string, boolean]>([
  [['prompt.created'], 'prompt.created', true],
  [['prompt.created'], 'prompt.created_again', false],
  [['prompt.*'], 'prompt.created', true],
  [['prompt.*'], 'prompt', false],
  [['prompt.*'], 'prompts.created', false],
  [['custom.order.*'], 'custom.order.paid', true],
  [['*'], 'key.created', true],
  [['*'], 'cache.invalidated', false],
  [['cache.*'], 'cache.invalidated', false],
])('%j and %s: %s', (patterns, type, fits) => expect(matchesPattern(patterns, type)).toBe(fits))

test('a type that is far from all others gets a list of some', () =>
  expect(() => assertKnownTypes(['zebra.galloped'], ['prompt.created'])).toThrow('There are prompt.created and others'))

test('the official library verifies what is signed, whatever it is; a changed byte, time or id it refuses', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (text) => {
      const [secret, body, id, timestamp] = [newSecret('v1'), JSON.stringify({ text }), 'evt_1', Math.floor(Date.now() / 1_000)]
      const signature = signatureOf([newSecret('v1'), secret], { id, timestamp, body })
      const headers = { 'webhook-id': id, 'webhook-timestamp': String(timestamp), 'webhook-signature': signature }
      const library = new Webhook(secret)
      expect(library.verify(body, headers)).toEqual({ text })
      expect(() => library.verify(`${body} `, headers)).toThrow()
      expect(() => library.verify(body, { ...headers, 'webhook-timestamp': String(timestamp + 1) })).toThrow()
      expect(() => library.verify(body, { ...headers, 'webhook-id': 'evt_2' })).toThrow()
    }),
  )
})

test('a v1a secret signs by ed25519, and its public key verifies', () => {
  const secret = newSecret('v1a')
  const signature = signatureOf([secret], { id: 'evt_1', timestamp: 5, body: '{}' })
  const publicKey = publicKeyOf(secret)
  expect([secret.slice(0, 5), publicKey.slice(0, 5), signature.slice(0, 4)]).toEqual(['whsk_', 'whpk_', 'v1a,'])
  const x = Buffer.from(publicKey.slice(5), 'base64').toString('base64url')
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
  expect(verify(null, Buffer.from('evt_1.5.{}'), key, Buffer.from(signature.slice(4), 'base64'))).toBe(true)
})

test('what is sealed opens with its key and for what it belongs to alone', () => {
  const vault = vaultOf(Buffer.alloc(32, 1))
  const sealed = vault.seal('sesame', 'a')
  expect([
    vault.open(sealed, 'a'),
    vault.open(sealed, 'b'),
    vaultOf(Buffer.alloc(32, 2)).open(sealed, 'a'),
    vault.open('nonsense', 'a'),
  ]).toEqual(['sesame', undefined, undefined, undefined])
  expect(vault.seal('sesame', 'a')).not.toBe(sealed)
})
