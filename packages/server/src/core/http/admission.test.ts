import { describe, expect, onTestFinished, test } from 'vitest'
import { type Call, startTestApp, type TestAnswer, type TestApp } from '../../testing/index.ts'

const open = async (options: Parameters<typeof startTestApp>[0]): Promise<TestApp> => {
  const t = await startTestApp(options)
  onTestFinished(() => t.stop())
  return t
}
const times = async (count: number, call: () => Promise<TestAnswer>): Promise<TestAnswer[]> => {
  const answers: TestAnswer[] = []
  for (let n = 0; n < count; n++) answers.push(await call())
  return answers
}
const statuses = (answers: readonly TestAnswer[]) => answers.map(({ status }) => status)
const count = (answers: readonly TestAnswer[], status: number) => statuses(answers).filter((one) => one === status).length
const hot = '/prompts/search/limits/hot'

async function withPrompt(t: TestApp): Promise<void> {
  await t.owner('POST', '/prompts', { content: 'Hi', category: 'limits', name: 'hot' })
}
const sample = async (call: Call, name: string): Promise<number> => {
  const { text } = await call('GET', '//metrics')
  return Number(
    text
      .split('\n')
      .find((line) => line.startsWith(`${name} `))
      ?.split(' ')[1],
  )
}

describe('a key', () => {
  test('that asks for more than its limit gets 429 with Retry-After and what is left; another key does not notice', async () => {
    const t = await open({ rateLimit: { perSecond: 3 } })
    const [reader, neighbour] = [await t.as('prompts:read'), await t.as('prompts:read')]
    const answers = await Promise.all(Array.from({ length: 20 }, () => reader('GET', '/prompts')))
    const refused = answers.filter(({ status }) => status === 429)
    expect(count(answers, 200)).toBeGreaterThanOrEqual(3)
    expect(refused.length).toBeGreaterThan(5)
    for (const { headers, body } of refused) {
      expect(body).toMatchObject({ code: 'rate_limit.exceeded', status: 429, type: '/docs/errors/rate_limit.exceeded' })
      expect(headers.get('retry-after')).toBe('1')
      expect(headers.get('ratelimit-policy')).toBe('"key";q=3;w=1')
      expect(headers.get('ratelimit')).toMatch(/^"key";r=0;t=1$/)
    }
    expect((await neighbour('GET', '/prompts')).status).toBe(200)
    await expect.poll(async () => (await reader('GET', '/prompts')).status).toBe(200)
  })

  test('is told on every usual answer what is left', async () => {
    const t = await open({ rateLimit: { perSecond: 1_000 } })
    const { headers } = await t.owner('GET', '/prompts')
    expect(headers.get('ratelimit-policy')).toBe('"key";q=1000;w=1')
    expect(headers.get('ratelimit')).toMatch(/^"key";r=(99\d|1000);t=1$/)
    const missing = await t.owner('GET', '/prompts/01900000-0000-7000-8000-000000000000')
    expect([missing.status, missing.headers.get('ratelimit-policy')]).toEqual([404, '"key";q=1000;w=1'])
  })

  test('uses up one limit on the fast lane and on the usual way', async () => {
    const t = await open({ rateLimit: { perSecond: 20 } })
    await withPrompt(t)
    const reader = await t.as('prompts:read')
    await reader('GET', hot)
    await new Promise((resolve) => setTimeout(resolve, 1_100)) // all of it is there again
    const answers = await Promise.all(Array.from({ length: 100 }, () => reader('GET', hot)))
    expect(count(answers, 200)).toBeGreaterThanOrEqual(20)
    expect(count(answers, 429)).toBeGreaterThan(20)
    expect(count(answers, 200) + count(answers, 429)).toBe(100)
  })

  test('without rights is counted as well: being refused with 403 costs', async () => {
    const t = await open({ rateLimit: { perSecond: 2 } })
    const nobody = await t.as('prompts:read')
    const answers = await Promise.all(Array.from({ length: 20 }, () => nobody('POST', '/prompts', { content: 'x' })))
    expect(count(answers, 403)).toBeGreaterThanOrEqual(2)
    expect(count(answers, 429)).toBeGreaterThan(5)
  })

  test('in open mode all of this machine is one caller', async () => {
    const t = await open({ open: true, rateLimit: { perSecond: 3 } })
    const answers = await Promise.all(Array.from({ length: 20 }, () => t.anonymous('GET', '/prompts')))
    expect(count(answers, 429)).toBeGreaterThan(5)
    expect(answers.find(({ status }) => status === 429)!.headers.get('ratelimit-policy')).toBe('"key";q=3;w=1')
  })
})

describe('an address without a valid key', () => {
  test('has a tenth: guessing keys ends in 429, before the database is asked', async () => {
    const t = await open({ rateLimit: { perSecond: 50 } })
    const wrong = () => t.anonymous('GET', '/prompts', undefined, { authorization: `Bearer ps_${Math.random()}` })
    const answers = await Promise.all(Array.from({ length: 60 }, wrong))
    const later = await times(5, wrong)
    expect(statuses([...answers, ...later]).every((status) => [401, 429].includes(status))).toBe(true)
    const refused = [...answers, ...later].filter(({ status }) => status === 429)
    expect(refused.length).toBeGreaterThan(0)
    expect(refused.at(-1)!.headers.get('ratelimit-policy')).toBe('"address";q=5;w=1')
    expect(Number(refused.at(-1)!.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    // Nor is a key looked up that this instance does not know yet; a fifth of a second after the guesses it would be.
    const besideGuesses = async () => {
      const unknownHere = await t.as('prompts:read')
      return (await Promise.all([...Array.from({ length: 20 }, wrong), unknownHere('GET', '/prompts')])).at(-1)!.status
    }
    await expect.poll(besideGuesses).toBe(429)
    const unknownHere = await t.as('prompts:read')
    await expect.poll(async () => (await unknownHere('GET', '/prompts')).status).toBe(200)
  })

  test('does not take a key along that is known: who has one is served beside a guesser on the same address', async () => {
    const t = await open({ rateLimit: { perSecond: 50 } })
    await withPrompt(t)
    const reader = await t.as('prompts:read')
    await expect.poll(async () => (await reader('GET', hot)).status).toBe(200)
    // A key is known as long as the feed is current, and nothing came that changes it: its own event, that it was made.
    const read = () => t.app.feed.confirm().then(() => reader('GET', hot))
    await read()
    const guesses = await Promise.all(Array.from({ length: 40 }, () => t.anonymous('GET', '/prompts')))
    expect(count(guesses, 401)).toBeGreaterThan(0)
    expect(statuses(await times(5, read))).toEqual([200, 200, 200, 200, 200])
  })

  test('is limited on pages and on what does not exist, and never on health', async () => {
    const t = await open({ rateLimit: { perSecond: 30 } })
    const answers = await Promise.all(Array.from({ length: 30 }, () => t.anonymous('GET', '//nothing/here')))
    expect(count(answers, 404)).toBeGreaterThanOrEqual(3)
    expect(count(answers, 429)).toBeGreaterThan(5)
    const health = await Promise.all(Array.from({ length: 30 }, () => t.anonymous('GET', '//livez')))
    expect(count(health, 200)).toBe(30)
  })

  test('is the socket’s: a header cannot make another one of it, unless a proxy is trusted', async () => {
    const guess = (t: TestApp) => (n: number) => t.anonymous('GET', '/prompts', undefined, { 'x-forwarded-for': `198.51.100.${n}` })
    const burst = async (t: TestApp) => Promise.all(Array.from({ length: 40 }, (_, n) => guess(t)(n)))
    const bare = await open({ rateLimit: { perSecond: 10 } })
    await burst(bare)
    expect(count(await burst(bare), 429)).toBeGreaterThan(20)
    for (const trustProxy of [1, ['192.0.2.1', '127.0.0.0/8']]) {
      const behind = await open({ rateLimit: { perSecond: 10 }, trustProxy })
      expect(count(await burst(behind), 401)).toBe(40)
      const last = async () => (await Promise.all(Array.from({ length: 11 }, () => guess(behind)(7)))).at(-1)!.status
      await expect.poll(last).toBe(429)
    }
  })
})

test('refusals are counted by their reason', async () => {
  const t = await open({ rateLimit: { perSecond: 10 } })
  const refused = async (ask: () => Promise<TestAnswer>) => {
    let refusals = 0 // of however many it takes: on a slow machine 30 a second may be allowed
    while (refusals < 6) refusals += count(await Promise.all(Array.from({ length: 30 }, ask)), 429)
    return refusals
  }
  const byKey = await refused(() => t.owner('GET', '/prompts'))
  const byAddress = await refused(() => t.anonymous('GET', '//nothing'))
  // Who asks has to wait for a token too.
  await expect.poll(() => sample(t.owner, 'promptstore_rate_limited_total{by="key"}')).toBeGreaterThanOrEqual(byKey)
  await expect.poll(() => sample(t.owner, 'promptstore_rate_limited_total{by="address"}')).toBeGreaterThanOrEqual(byAddress)
})

test('RATE_LIMIT=off limits nobody and tells nothing', async () => {
  const t = await open({ rateLimit: 'off' })
  const answers = await Promise.all(Array.from({ length: 50 }, () => t.anonymous('GET', '/prompts')))
  expect(count(answers, 401)).toBe(50)
  expect(answers[0]!.headers.get('ratelimit')).toBeNull()
})
