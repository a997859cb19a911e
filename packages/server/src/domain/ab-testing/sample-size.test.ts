import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestApp, type TestApp } from '../../testing/index.ts'

let t: TestApp
beforeAll(async () => {
  t = await startTestApp()
})
afterAll(() => t.stop())

const plan = (body: object) => t.owner('POST', '/ab-tests/sample-size', body)
const rate = (value: number) => ({ type: 'proportion', rate: value })

describe('POST /ab-tests/sample-size', () => {
  test('80 against 86 per cent takes 612 units in each arm at one look, 80 against 82 takes 6,036', async () => {
    const absolute = { metric: rate(0.8), differenceType: 'absolute', sequential: false }
    expect((await plan({ ...absolute, minimumEffect: 0.06, unitsPerDay: 100 })).body).toEqual({
      perVariant: 612,
      total: 1224,
      power: expect.closeTo(0.8, 2),
      alphaPerComparison: 0.05,
      minimumEffect: { relative: expect.closeTo(0.075, 12), absolute: 0.06 },
      expectedSampleSize: null,
      days: 13,
    })
    expect((await plan({ ...absolute, minimumEffect: 0.02 })).body.perVariant).toBe(6036)
    expect((await plan({ metric: rate(0.8), minimumEffect: 0.025, sequential: false })).body.perVariant).toBe(6036)
  })

  test('that it may be looked at always has its price, which is lowest where N* is right', async () => {
    const asked = { metric: rate(0.8), minimumEffect: 0.06, differenceType: 'absolute' }
    const own = (await plan(asked)).body
    const late = (await plan({ ...asked, expectedSampleSize: 200_000 })).body
    expect([own.perVariant > 612, own.perVariant < 3 * 612, late.perVariant > own.perVariant]).toEqual([true, true, true])
    expect([own.expectedSampleSize, late.expectedSampleSize]).toEqual([2 * own.perVariant, 200_000])
    expect(own.power).toBeGreaterThanOrEqual(0.8)
  })

  test('a decrease is planned like an increase: lower is better for latency', async () => {
    const latency = { metric: { type: 'mean', mean: 800, standardDeviation: 300 }, sequential: false }
    const down = (await plan({ ...latency, minimumEffect: -0.05 })).body
    expect(down).toEqual({ ...(await plan({ ...latency, minimumEffect: 0.05 })).body, minimumEffect: { relative: -0.05, absolute: -40 } })
    expect((await plan({ ...latency, minimumEffect: -40, differenceType: 'absolute' })).body.perVariant).toBe(down.perVariant)
  })

  test('more arms mean more comparisons, each at a stricter level', async () => {
    const asked = { metric: rate(0.5), minimumEffect: 0.1, sequential: false }
    const [two, four] = [(await plan(asked)).body, (await plan({ ...asked, variants: 4 })).body]
    expect(four.alphaPerComparison).toBeCloseTo(0.05 / 3, 12)
    expect([four.perVariant > two.perVariant, four.total]).toEqual([true, 4 * four.perVariant])
    expect((await plan({ ...asked, sides: 1 })).body.perVariant).toBeLessThan(two.perVariant)
  })

  test('a metric of mean 0 is planned by the absolute effect', async () => {
    const { body } = await plan({
      metric: { type: 'mean', mean: 0, standardDeviation: 1 },
      minimumEffect: 0.1,
      differenceType: 'absolute',
      sequential: false,
    })
    expect([body.perVariant, body.minimumEffect]).toEqual([1570, { relative: null, absolute: 0.1 }])
  })

  const half = { minimumEffect: 0.1, sequential: false }
  const perVariant = async (metric: object) => (await plan({ metric, ...half })).body.perVariant

  test('a ratio is planned by its units, not by its requests', async () => {
    // 1,000 units, half with one request and half with three, and of each request or of none a success: the mean is 0.5.
    const numerator = { type: 'mean', n: 1000, sum: 1000, sumSquares: 250 * 1 + 250 * 9 }
    const denominator = { type: 'mean', n: 1000, sum: 2000, sumSquares: 500 * 1 + 500 * 9 }
    const ratio = { type: 'ratio', n: 1000, numerator, denominator, sumOfProducts: 250 * 1 + 250 * 9 }
    // v = (v_M − 2 m cov + m² v_D) / D̄² = (1.5 − 0.5 + 0.25) / 4, by n − 1.
    const variance = (1.25 * 1000) / 999 / 4
    expect(await perVariant(ratio)).toBe(await perVariant({ type: 'mean', mean: 0.5, standardDeviation: Math.sqrt(variance) }))
  })

  test('an earlier mean that explains three quarters of the variance saves three quarters of the units', async () => {
    const value = { type: 'mean', n: 1000, sum: 10_000, sumSquares: 104_000 }
    const covariance = Math.sqrt(0.75) * (104_000 - 100_000)
    const cuped = { type: 'cuped', n: 1000, post: value, pre: value, postPreSumOfProducts: 100_000 + covariance }
    const deviation = Math.sqrt(4_000 / 999)
    const [plain, adjusted] = [await perVariant({ type: 'mean', mean: 10, standardDeviation: deviation }), await perVariant(cuped)]
    expect(adjusted).toBe(await perVariant({ type: 'mean', mean: 10, standardDeviation: deviation / 2 }))
    expect(adjusted).toBeLessThan(plain / 3.9)
  })

  test('a quantile is planned by the interval that a sample shows of it', async () => {
    const p95 = { type: 'quantile', n: 1000, nu: 0.95, hat: 900, lower: 850, upper: 950 }
    const deviation = Math.sqrt(999) * (100 / (2 * 1.959964))
    expect(await perVariant(p95)).toBe(await perVariant({ type: 'mean', mean: 900, standardDeviation: deviation }))
  })

  test.each<[string, object, string]>([
    [
      'a quantile outside of its sample',
      { metric: { type: 'quantile', n: 50, nu: 0.95, hat: 9, lower: 8, upper: 10 }, ...half },
      '/metric',
    ],
    ['a sample upside down', { metric: { type: 'quantile', n: 500, nu: 0.5, hat: 9, lower: 10, upper: 8 }, ...half }, '/metric/lower'],
    ['no effect', { metric: rate(0.5), minimumEffect: 0 }, '/minimumEffect'],
    ['a rate above 1', { metric: rate(0.8), minimumEffect: 0.3 }, '/minimumEffect'],
    ['an effect relative to 0', { metric: { type: 'mean', mean: 0, standardDeviation: 1 }, minimumEffect: 0.1 }, '/metric/mean'],
    ['less power than level', { metric: rate(0.5), minimumEffect: 0.1, power: 0.04 }, '/power'],
    ['a one-sided sequence at a half', { metric: rate(0.5), minimumEffect: 0.1, sides: 1, alpha: 0.5, power: 0.9 }, '/alpha'],
    ['an effect that nobody will ever find', { metric: rate(0.5), minimumEffect: 1e-9 }, '/minimumEffect'],
  ])('refuses %s with 422', async (_, body, pointer) => {
    const answer = await plan(body)
    expect([answer.status, answer.body.code, answer.body.errors?.[0]?.pointer]).toEqual([422, 'ab_test.figures_unusable', pointer])
  })

  test.each<[string, object, string]>([
    ['a rate of 1', { metric: rate(1), minimumEffect: 0.1 }, '/metric/rate'],
    [
      'a mean that does not vary',
      { metric: { type: 'mean', mean: 1, standardDeviation: 0 }, minimumEffect: 0.1 },
      '/metric/standardDeviation',
    ],
    ['eleven arms', { metric: rate(0.5), minimumEffect: 0.1, variants: 11 }, '/variants'],
    ['no metric', { minimumEffect: 0.1 }, '/metric'],
  ])('refuses %s with 400', async (_, body, pointer) => {
    const answer = await plan(body)
    expect([answer.status, answer.body.code, answer.body.errors?.[0]?.pointer]).toEqual([400, 'request.invalid', pointer])
  })
})
