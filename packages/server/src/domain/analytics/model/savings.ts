import { type Static, Type } from 'typebox'
import { Id, Nullable, Strict } from '../../../core/schemas.ts'
import type { Pricing } from './prices.ts'
import type { Sums } from './tally.ts'

const Usd = (description: string) => Type.Number({ minimum: 0, description: `US dollars: ${description}` })
const Difference = (description: string) =>
  Nullable(
    Strict({
      difference: Type.Number({ description: 'Of the cheaper model against the present one' }),
      low: Type.Number(),
      high: Type.Number(),
    }),
    { description },
  )

export const Saving = Strict(
  {
    kind: Type.Enum(['shorter_text', 'cacheable_prefix', 'cheaper_model'], { description: 'What would be changed' }),
    savingUsd: Usd('what would not have been spent in this time'),
    tokens: Type.Optional(Type.Integer({ minimum: 0, description: 'Of the text that is cut, or of the prefix that is cached' })),
    from: Type.Optional(Type.String({ description: 'The model that costs most now: provider/model' })),
    to: Type.Optional(Type.String({ description: 'The cheaper one that was measured: provider/model' })),
    successRate: Type.Optional(Difference('Of the success rates, with a 95 % interval')),
    satisfaction: Type.Optional(
      Nullable(Type.Number(), { description: 'Difference of the mean ratings; null: ratings cannot be told apart by model' }),
    ),
    assumption: Type.String({ description: 'What has to be so, in words' }),
  },
  { $id: 'Saving' },
)
export type Saving = Static<typeof Saving>

export const PromptSavings = Strict({
  promptId: Id,
  name: Type.String({ description: 'category/name' }),
  costUsd: Usd('what the prompt has cost in this time'),
  templateTokens: Type.Integer({ minimum: 0, description: 'Of the newest version, by o200k; variables as they are written' }),
  options: Type.Array(Saving, { description: 'The greatest first; they do not add up. Models without a known price are left out' }),
})

/** What one model did for a prompt. `score` and `ratings` of versions that were used with this model alone. */
export type ModelUse = Readonly<{ provider: string; model: string; sums: Sums; ratings: number; score: number }>

/** Uses that a model needs for being compared. */
const fewestUses = 20
/** Providers cache no shorter prefix. */
const shortestPrefix = 1_024
const shorterBy = 0.1
/** Tokens over which a price is taken, since prices of few tokens are rounded to micro-dollars. */
const probe = 10_000

const nameOf = ({ provider, model }: ModelUse) => `${provider}/${model}`

/** US dollars that one token less of input saves, and that one token read from the cache saves; undefined without a price. */
function ratesOf({ provider, model, sums }: ModelUse, price: Pricing, at: number): { input: number; cached: number } | undefined {
  const usual = Math.round(sums.inputTokens / sums.requests)
  const cost = (more: number, cachedTokens: number) =>
    price(provider, model, { inputTokens: usual + more, outputTokens: 0, cachedTokens }, at)
  const [base, longer, cached] = [cost(0, 0), cost(probe, 0), cost(probe, probe)]
  if (base === null || longer === null || cached === null) return undefined
  return { input: Math.max(0, longer - base) / probe / 1e6, cached: Math.max(0, longer - cached) / probe / 1e6 }
}

/**
 * The difference of two proportions with the interval of Agresti and Caffo (Simple and Effective Confidence Intervals for
 * Proportions and Differences, The American Statistician 2000), at 95 %.
 */
export function differenceOf(now: Sums, then: Sums): { difference: number; low: number; high: number } {
  const raw = ({ requests, errors }: Sums) => (requests - errors) / requests
  const part = ({ requests, errors }: Sums) => ({ p: (requests - errors + 1) / (requests + 2), n: requests + 2 })
  const [a, b] = [part(now), part(then)]
  const half = 1.959964 * Math.sqrt((a.p * (1 - a.p)) / a.n + (b.p * (1 - b.p)) / b.n)
  return { difference: raw(then) - raw(now), low: Math.max(-1, b.p - a.p - half), high: Math.min(1, b.p - a.p + half) }
}

const mean = ({ score, ratings }: ModelUse): number | null => (ratings === 0 ? null : score / 10_000 / ratings)

function cheaperModels(models: readonly ModelUse[]): Saving[] {
  const measured = models.filter(({ sums }) => sums.requests >= fewestUses && sums.unpriced === 0)
  const [present, ...others] = [...measured].sort((a, b) => b.sums.costMicros - a.sums.costMicros)
  if (!present) return []
  const each = (use: ModelUse) => use.sums.costMicros / 1e6 / use.sums.requests
  return others
    .filter((other) => each(other) < each(present))
    .map((other) => {
      const [before, after] = [mean(present), mean(other)]
      return {
        kind: 'cheaper_model' as const,
        savingUsd: (each(present) - each(other)) * present.sums.requests,
        from: nameOf(present),
        to: nameOf(other),
        successRate: differenceOf(present.sums, other.sums),
        satisfaction: before === null || after === null ? null : after - before,
        assumption: `The ${present.sums.requests} uses with ${nameOf(present)} had cost as much each as the ${other.sums.requests} that were measured with ${nameOf(other)}. Who chose the model for which use is not known, so the uses may differ; a test would tell.`,
      }
    })
}

export type Template = Readonly<{ tokens: number; prefixTokens: number; countedWhole: boolean }>

/** What a prompt could save: only by prices that are known and by models that were measured on it. @param at milliseconds since 1970, for prices */
export function savingsOf(template: Template, models: readonly ModelUse[], price: Pricing, at: number): Saving[] {
  const priced = models.flatMap((use) => {
    const rates = use.sums.requests > 0 ? ratesOf(use, price, at) : undefined
    return rates ? [{ use, rates }] : []
  })
  const uses = priced.reduce((sum, { use }) => sum + use.sums.requests, 0)
  const options: Saving[] = cheaperModels(models)
  const estimate = template.countedWhole ? '' : ' The text is long: its tokens are reckoned from its beginning.'
  const cut = Math.floor(template.tokens * shorterBy)
  const shorter = priced.reduce((sum, { use, rates }) => sum + use.sums.requests * cut * rates.input, 0)
  if (shorter > 0)
    options.push({
      kind: 'shorter_text',
      savingUsd: shorter,
      tokens: cut,
      assumption: `A tenth of the ${template.tokens} tokens of the newest version is cut, and answers stay as long as they are, in each of the ${uses} uses whose model has a known price.${estimate}`,
    })
  const prefix = template.prefixTokens
  const cached = priced.reduce(
    (sum, { use, rates }) => sum + Math.max(0, use.sums.requests * prefix - use.sums.cachedTokens) * rates.cached,
    0,
  )
  if (prefix >= shortestPrefix && cached > 0)
    options.push({
      kind: 'cacheable_prefix',
      savingUsd: cached,
      tokens: prefix,
      assumption: `The ${prefix} tokens before the first variable are read from the provider’s cache in each of the ${uses} uses whose model has a known price, less what was read from it already. What writing to the cache costs, and uses that come too seldom for it, are not counted.${estimate}`,
    })
  return options.filter(({ savingUsd }) => savingUsd > 0).sort((a, b) => b.savingUsd - a.savingUsd)
}
