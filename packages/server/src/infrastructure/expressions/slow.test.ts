import { afterEach, describe, expect, test, vi } from 'vitest'
import { createExpressions, type ExpressionEngine } from './index.ts'

const patience = { timeout: 60_000, interval: 5 }
const xs = Array.from({ length: 300 }, (_, i) => i)
const cubed = 'data.xs.all(x, data.xs.all(y, data.xs.all(z, x + y + z >= 0)))'
const squared = (n: number) => `data.many.all(x, data.many.all(y, x + y + ${n} >= 0))`
const data = { xs, many: Array.from({ length: 50_000 }, (_, i) => i), text: 'a'.repeat(200_000) }
const quick = ['data.xs[1] == 1', 'data.xs[1] == 2', 'size(data.xs) == 300']
const answers = [{ value: true }, { value: false }, { value: true }]

let engine: ExpressionEngine
afterEach(() => engine.close())

/** How often a timer came while something was done: that the event loop went on. */
async function ticks(work: Promise<unknown>): Promise<number> {
  let count = 0
  const timer = setInterval(() => count++, 5)
  await work
  clearInterval(timer)
  return count
}

describe('an expression made to be slow', () => {
  test.each([
    ['loops in loops', cubed],
    ['two long loops', squared(1)],
    ['a regular expression, again and again', 'data.many.all(x, data.text.matches("(a|aa)*(a+)+b?$"))'],
    ['a replacement that grows', 'data.many.all(x, data.text.replace("a", "aa") != "")'],
  ])('%s: times out, its neighbours are answered, and the service goes on', async (_what, slow) => {
    engine = createExpressions({ timeoutMs: 400 })
    const [first, second, third] = quick
    const asked = engine.evaluateAll([first!, slow, second!, third!], { data })
    expect(await ticks(asked)).toBeGreaterThan(3)
    const outcomes = await asked
    expect(outcomes[1]).toEqual({ failed: 'timeout', detail: expect.stringMatching(/longer than 400 ms.*60 s/) })
    expect(outcomes.filter((_, i) => i !== 1)).toEqual(answers)
  })

  test('a regular expression that would be catastrophic elsewhere is answered: RE2 does not backtrack', async () => {
    engine = createExpressions({ timeoutMs: 2_000 })
    expect(await engine.evaluate('data.text.matches("^(a+)+$b")', { data: { text: 'a'.repeat(20_000) } })).toEqual({ value: false })
  })

  test('a search that could not be interrupted is refused', async () => {
    engine = createExpressions({ timeoutMs: 400 })
    const texts = { text: 'a'.repeat(400_000), sought: `${'a'.repeat(1_000)}b${'a'.repeat(30_000)}` }
    for (const call of [
      'contains(data.sought)',
      'indexOf(data.sought) > 0',
      'lastIndexOf(data.sought) > 0',
      'replace(data.sought, "") == ""',
      'split(data.sought) == []',
    ])
      expect(await engine.evaluate(`data.text.${call}`, { data: texts })).toEqual({
        failed: 'error',
        detail: expect.stringMatching(/at most 1000 characters/),
      })
  })

  test('several in one batch time out one by one', async () => {
    engine = createExpressions({ timeoutMs: 400 })
    const outcomes = await engine.evaluateAll([squared(1), ...quick, squared(2), squared(3)], { data })
    expect(outcomes.map(({ failed }) => failed)).toEqual(['timeout', undefined, undefined, undefined, 'timeout', 'timeout'])
  })

  test('is remembered for a while, for its scope alone', async () => {
    engine = createExpressions({ timeoutMs: 400 })
    await engine.evaluate(cubed, { data }, { scope: 'one' })
    const thread = engine.thread()
    const small = { data: { xs: [1] } }
    expect((await engine.evaluate(cubed, small, { scope: 'one' })).failed).toBe('timeout')
    expect(await engine.evaluate(cubed, small, { scope: 'another' })).toEqual({ value: true })
    expect(await engine.evaluate(`${cubed} `, small, { scope: 'one' })).toEqual({ value: true })
    expect(engine.thread()).toBe(thread ?? engine.thread())
  })

  test('is tried again after that while', async () => {
    engine = createExpressions({ rememberMs: 50 })
    await engine.evaluate(cubed, { data })
    await vi.waitFor(async () => expect(await engine.evaluate(cubed, { data: { xs: [1] } })).toEqual({ value: true }), patience)
  })

  test('one that takes all memory is given up, and its neighbours are answered', async () => {
    engine = createExpressions({ timeoutMs: 20_000 })
    const hungry = 'data.many.map(x, data.text.split("")) == []'
    const outcomes = await engine.evaluateAll([quick[0]!, hungry, quick[1]!], { data })
    expect([outcomes[0], outcomes[2]]).toEqual([answers[0], answers[1]])
    expect(outcomes[1]).toEqual({ failed: 'error', detail: expect.stringMatching(/ended, twice: it may have needed too much memory/) })
  })
})

describe('the thread', () => {
  test('killed in the midst: what it was at is tried again', async () => {
    engine = createExpressions({ timeoutMs: 60_000 })
    await engine.evaluate('true', {})
    const before = engine.thread()!
    // About a second of work, so that the kill comes in its midst.
    const work = 'data.xs.all(x, data.xs.all(y, data.short.all(z, x + y + z >= 0)))'
    const asked = engine.evaluateAll([...quick, work], { data: { xs, short: xs.slice(0, 10) } })
    setTimeout(() => void before.terminate(), 30)
    expect(await asked).toEqual([...answers, { value: true }])
    expect(engine.thread()).not.toBe(before)
  })

  test('that cannot be started is an exception: no outcome is made up', async () => {
    engine = createExpressions({ file: new URL('file:///nowhere/worker.ts') })
    await expect(engine.evaluate('true', {})).rejects.toThrow(/nowhere/)
    await expect(engine.check('true', { variables: [] })).rejects.toThrow(/nowhere/)
  })

  test('closed while busy: who waits hears of it, and who comes later as well', async () => {
    engine = createExpressions({ timeoutMs: 60_000 })
    await engine.evaluate('true', {})
    const busy = [engine.evaluate(squared(1), { data }), engine.evaluate('true', {})].map((asked) => asked.catch(({ message }) => message))
    await new Promise((resolve) => setTimeout(resolve, 30))
    await engine.close()
    expect(await Promise.all(busy)).toEqual(Array(2).fill('the expression engine is closed'))
    await expect(engine.evaluate('true', {})).rejects.toThrow('closed')
    await expect(engine.check('true', { variables: [] })).rejects.toThrow('closed')
    await engine.close()
  })
})
