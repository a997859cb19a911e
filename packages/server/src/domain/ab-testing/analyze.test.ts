import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestApp, type TestApp } from '../../testing/index.ts'
import { kinds } from './model/analyze.ts'
import { cases, differences } from './testing/vectors.ts'

let t: TestApp
beforeAll(async () => {
  t = await startTestApp()
})
afterAll(() => t.stop())

const analyze = (kind: unknown, inputs: unknown) => t.owner('POST', '/ab-tests/analyze', { kind, inputs })
/** How a refusal looks: status, code, pointer. */
const refusal = ({ status, body }: Awaited<ReturnType<typeof analyze>>) => [status, body.code, body.errors?.[0]?.pointer]

const arm = { type: 'proportion', n: 500, sum: 400 }
const better = { type: 'proportion', n: 500, sum: 430 }
const latency = (n: number, mean: number, deviation: number) => ({
  type: 'mean',
  n,
  sum: n * mean,
  sumSquares: n * (mean ** 2 + deviation ** 2),
})

describe('POST /ab-tests/analyze', () => {
  test('answers every public vector with the fields that are expected, and no others', async () => {
    const wrong: string[] = []
    for (const { name, kind, inputs, expected, tolerance } of cases) {
      const { status, body } = await analyze(kind, inputs)
      wrong.push(...(status === 200 ? differences(body, expected, tolerance) : [String(status)]).map((what) => `${kind} ${name}${what}`))
    }
    expect(wrong).toEqual([])
  })

  test('needs the right to read tests, and changes nothing: no Idempotency-Key, no right to write', async () => {
    const reader = await t.as('abtests:read')
    expect((await reader('POST', '/ab-tests/analyze', { kind: 'srm', inputs: { users: [1], weights: [1] } })).body).toEqual({ pValue: 1 })
    const other = await t.as('prompts:read', 'abtests:write')
    expect((await other('POST', '/ab-tests/analyze', { kind: 'srm', inputs: { users: [1], weights: [1] } })).status).toBe(403)
  })

  test.each<[string, [kind: unknown, inputs: unknown], string]>([
    ['an unknown kind', ['anova', {}], '/kind'],
    ['a kind that objects have', ['constructor', {}], '/kind'],
    ['no inputs', ['srm', undefined], '/inputs'],
    ['inputs that are no object', ['srm', [1]], '/inputs'],
    ['a missing field', ['srm', { users: [1, 2] }], '/inputs/weights'],
    ['an unknown field', ['srm', { users: [1], weights: [1], expected: [1] }], '/inputs/expected'],
    ['fields of another kind', ['srm', { pValues: [0.5] }], '/inputs/users'],
    ['a text for a number', ['srm', { users: ['1'], weights: [1] }], '/inputs/users/0'],
    ['a negative count', ['srm', { users: [-1, 2], weights: [1, 1] }], '/inputs/users/0'],
    ['half a unit', ['srm', { users: [1.5, 2], weights: [1, 1] }], '/inputs/users/0'],
    ['too many arms', ['srm', { users: Array(1001).fill(1), weights: Array(1001).fill(1) }], '/inputs/users'],
    ['a p above 1', ['holm-bonferroni', { pValues: [0.5, 1.1] }], '/inputs/pValues/1'],
    ['an unknown type of statistic', ['frequentist-mean', { control: { ...arm, type: 'median' }, treatment: arm }], '/inputs/control/type'],
    ['a statistic without a type', ['frequentist-mean', { control: { n: 1, sum: 1 }, treatment: arm }], '/inputs/control/type'],
    [
      'a field of another type',
      ['frequentist-mean', { control: arm, treatment: { ...arm, sumSquares: 3 } }],
      '/inputs/treatment/sumSquares',
    ],
    ['a level of 0', ['frequentist-mean', { control: arm, treatment: arm, options: { alpha: 0 } }], '/inputs/options/alpha'],
    ['three sides', ['frequentist-mean', { control: arm, treatment: arm, options: { sides: 3 } }], '/inputs/options/sides'],
    ['a misspelt option', ['sequential', { control: arm, treatment: arm, options: { tuning: 3 } }], '/inputs/options/tuning'],
    [
      'a prior without variance',
      ['bayesian-mean', { control: arm, treatment: arm, options: { prior: { mean: 0 } } }],
      '/inputs/options/prior/variance',
    ],
    ['one arm of a bandit', ['gaussian-best-arm', { means: [1], stddevs: [1] }], '/inputs/means'],
    ['a sum from outside this world', ['frequentist-mean', { control: { ...arm, sum: 1e31 }, treatment: arm }], '/inputs/control/sum'],
  ])('refuses %s with 400 and its pointer', async (_, [kind, inputs], pointer) => {
    expect(refusal(await analyze(kind, inputs))).toEqual([400, 'request.invalid', pointer])
  })

  test.each<[string, [string, object], string]>([
    ['arms and weights of different numbers', ['srm', { users: [1, 2], weights: [1] }], '/inputs/weights'],
    ['weights that are all 0', ['srm', { users: [1, 2], weights: [0, 0] }], '/inputs/weights'],
    ['more successes than units', ['frequentist-proportion', { control: { ...arm, sum: 501 }, treatment: arm }], '/inputs/control/sum'],
    [
      'more successes than units inside a ratio',
      [
        'bayesian-ratio',
        {
          control: arm,
          treatment: { type: 'ratio', n: 5, numerator: { type: 'proportion', n: 5, sum: 6 }, denominator: arm, sumOfProducts: 1 },
        },
      ],
      '/inputs/treatment/numerator/sum',
    ],
    [
      'one adjusted arm against one that is not',
      ['frequentist-cuped', { control: arm, treatment: { type: 'cuped', n: 500, post: arm, pre: arm, postPreSumOfProducts: 300 } }],
      '/inputs/treatment/type',
    ],
    [
      'a relative effect over nothing',
      ['delta-variance', { varA: 1, meanA: 0, nA: 1, varB: 1, meanB: 1, nB: 1, relative: true }],
      '/inputs/meanA',
    ],
    [
      'the variance of an arm without units',
      ['delta-variance', { varA: 1, meanA: 1, nA: 1, varB: 1, meanB: 1, nB: 0, relative: false }],
      '/inputs/nB',
    ],
    [
      'two arms that never vary',
      ['msprt-statsig', { treatment: { mean: 1, variance: 0, n: 5 }, control: { mean: 1, variance: 0, n: 5 } }],
      '/inputs/treatment/variance',
    ],
    [
      'power without an effect',
      ['power', { metric: { type: 'binomial', conversionRate: 0.5 }, options: { nTotal: 100, nVariations: 2 } }],
      '/inputs/metric/effectSize',
    ],
    [
      'power of a mean of 0',
      ['power', { metric: { type: 'mean', mean: 0, standardDeviation: 1, effectSize: 1 }, options: { nTotal: 9, nVariations: 2 } }],
      '/inputs/metric/mean',
    ],
    [
      'power of a metric that never varies',
      ['power', { metric: { type: 'mean', mean: 1, standardDeviation: 0, effectSize: 1 }, options: { nTotal: 9, nVariations: 2 } }],
      '/inputs/metric/standardDeviation',
    ],
    [
      'less power than level',
      ['mde', { metric: { type: 'binomial', conversionRate: 0.5 }, options: { nTotal: 1000, nVariations: 2, power: 0.01 } }],
      '/inputs/options/power',
    ],
    [
      'too few units for any effect',
      ['mde', { metric: { type: 'binomial', conversionRate: 0.01 }, options: { nTotal: 10, nVariations: 2 } }],
      '/inputs/options/nTotal',
    ],
    [
      'a one-sided sequence at a half',
      [
        'mde',
        {
          metric: { type: 'binomial', conversionRate: 0.5 },
          options: { nTotal: 9000, nVariations: 2, alpha: 0.5, sides: 1, sequential: true },
        },
      ],
      '/inputs/options/alpha',
    ],
    ['a sample size for no difference', ['sample-size-proportion', { p1: 0.5, p2: 0.5 }], '/inputs/p2'],
    [
      'more successes than units of a rate',
      [
        'beta-binomial',
        {
          arms: [
            { successes: 1, n: 1 },
            { successes: 2, n: 1 },
          ],
        },
      ],
      '/inputs/arms/1/successes',
    ],
    ['lists of different lengths', ['gaussian-best-arm', { means: [1, 2], stddevs: [1, 1, 1] }], '/inputs/stddevs'],
    [
      'least shares beyond 1',
      ['track-and-stop-allocation', { pulls: [1, 1], means: [1, 2], variances: [1, 1], minProb: 0.6 }],
      '/inputs/minProb',
    ],
    [
      'a challenger that leads',
      ['track-and-stop-stopping', { leader: { pulls: 9, mean: 1, variance: 1 }, challenger: { pulls: 9, mean: 2, variance: 1 } }],
      '/inputs/leader/mean',
    ],
    [
      'a quantile upside down',
      [
        'quantile',
        {
          control: { type: 'quantile', n: 500, nu: 0.9, hat: 1, lower: 2, upper: 1 },
          treatment: { type: 'quantile', n: 500, nu: 0.9, hat: 1, lower: 1, upper: 2 },
        },
      ],
      '/inputs/control/lower',
    ],
    [
      'figures beyond all computing',
      ['delta-variance', { varA: 1, meanA: 1e-200, nA: 1, varB: 1, meanB: 0, nB: 1, relative: true }],
      '/inputs',
    ],
  ])('refuses %s with 422 and its pointer', async (_, [kind, inputs], pointer) => {
    expect(refusal(await analyze(kind, inputs))).toEqual([422, 'ab_test.figures_unusable', pointer])
  })

  test('arms that say nothing yet are an answer, not a mistake', async () => {
    const none = { expected: 0, ciLower: 0, ciUpper: 0, stderr: 0, pValue: 1, pValueError: null }
    for (const [control, treatment] of [
      [{ type: 'proportion', n: 0, sum: 0 }, arm],
      [arm, { type: 'proportion', n: 500, sum: 500 }],
      [{ type: 'mean', n: 1, sum: 5, sumSquares: 25 }, latency(500, 100, 10)],
      [latency(500, 100, 10), { type: 'mean', n: 2, sum: 1396.87, sumSquares: 52377.9767 }], // squares that cannot be
    ])
      for (const kind of ['frequentist-mean', 'sequential', 'sequential-one-sided'])
        expect((await analyze(kind, { control, treatment })).body).toEqual({ ...none, error: 'ZERO_NEGATIVE_VARIANCE' })
    const centred = { type: 'mean', n: 10, sum: 0, sumSquares: 10 }
    expect((await analyze('frequentist-mean', { control: centred, treatment: latency(500, 1, 1) })).body).toEqual({
      ...none,
      error: 'BASELINE_VARIATION_ZERO',
    })
    const absolute = await analyze('frequentist-mean', {
      control: centred,
      treatment: latency(500, 1, 1),
      options: { differenceType: 'absolute' },
    })
    expect(absolute.body).toMatchObject({ expected: 1, error: null })
  })

  test('a bound that is open is told as a text, which JSON can carry', async () => {
    const { body } = await analyze('frequentist-proportion', { control: arm, treatment: better, options: { sides: 1 } })
    expect([body.ciUpper, body.ciLower > 0, body.pValue < 0.05]).toEqual(['Infinity', true, true])
    expect((await analyze('adjusted-ci', { adjustedPValue: 1, lift: 0.1 })).body).toEqual({ ciLower: '-Infinity', ciUpper: 'Infinity' })
    expect((await analyze('asymptotic-confidence-sequence-single-mean', { n: 0, variance: 1 })).body.margin).toBe('Infinity')
  })

  test('options may be left out, all of them', async () => {
    const bodies = await Promise.all(
      ['frequentist-proportion', 'sequential', 'bayesian-proportion'].map((kind) => analyze(kind, { control: arm, treatment: better })),
    )
    expect(bodies.map(({ body }) => [body.expected, body.error])).toEqual(Array(3).fill([expect.closeTo(0.075, 12), null]))
  })

  test('every kind is answered at its largest inputs, with shares that add up', async () => {
    const twenty = Array.from({ length: 20 }, (_, i) => i)
    const largest: Record<string, object> = {
      'holm-bonferroni': { pValues: Array(10_000).fill(0.5) },
      'gaussian-best-arm': { means: twenty, stddevs: twenty.map((i) => 1 + i) },
      'beta-binomial': {
        prior: [0.5, 0.5],
        arms: twenty.slice(10).map((i) => ({ n: 1_000_000_000, successes: 800_000_000 + 10_000 * i })),
      },
      'track-and-stop-allocation': { pulls: twenty, means: twenty, variances: twenty.map((i) => 1 + i) },
    }
    for (const [kind, inputs] of Object.entries(largest)) {
      const { status, body } = await analyze(kind, inputs)
      const shares: number[] | undefined = body.probBest ?? body.weights
      expect([kind, status, shares?.reduce((sum, share) => sum + share, 0) ?? 1]).toEqual([kind, 200, expect.closeTo(1, 9)])
    }
  })

  test('knows the kinds that its documentation names', async () => {
    const document = (await t.anonymous('GET', '//openapi.json')).body
    const schema = document.paths['/api/v1/ab-tests/analyze'].post.requestBody.content['application/json'].schema
    expect(schema.properties.kind.enum).toEqual(Object.keys(kinds))
  })
})
