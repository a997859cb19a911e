import { createRequire } from 'node:module'
import type { calcPrice as calculate, ModelPrice } from '@pydantic/genai-prices'
import { type Static, Type } from 'typebox'
import { ShortText, Strict } from '../../../core/schemas.ts'

const perMillion = (description: string) =>
  Type.Number({ minimum: 0, maximum: 1_000_000, description: `${description}, US dollars for a million tokens` })

/** A workspace's own price of a model, in the place of the table's. */
export const PriceOverride = Strict(
  {
    provider: Type.Optional(ShortText('As events name it; of any provider without it')),
    model: ShortText('As events name it'),
    inputUsdPerMTok: perMillion('Input'),
    outputUsdPerMTok: perMillion('Output'),
    cachedInputUsdPerMTok: Type.Optional(perMillion('Input read from the cache; as other input without it')),
  },
  { $id: 'PriceOverride' },
)
export type PriceOverride = Static<typeof PriceOverride>

export type Tokens = Readonly<{ inputTokens: number; outputTokens: number; cachedTokens: number | null }>
/** What a model costs at a time: micro-dollars, or null when no price is known. */
export type Pricing = (provider: string, model: string, tokens: Tokens, at: number) => number | null

/** US dollars for a million tokens are micro-dollars for one. */
type Linear = Readonly<{ input: number; output: number; cached: number }>

const priced = ({ input, output, cached }: Linear, { inputTokens, outputTokens, cachedTokens }: Tokens): number => {
  const fromCache = cachedTokens ?? 0
  return Math.round((inputTokens - fromCache) * input + fromCache * cached + outputTokens * output)
}

/** Prices that need nothing but tokens to multiply, by provider and model; 'asked': they depend on time or amount. */
const known = new Map<string, Linear | 'asked' | 'unknown'>()
const mostKnown = 10_000

function linearOf({ input_mtok, output_mtok, cache_read_mtok, ...rest }: ModelPrice): Linear | undefined {
  const perRequest = rest.requests_kcount !== undefined
  if (typeof input_mtok !== 'number' || typeof output_mtok !== 'number' || typeof cache_read_mtok === 'object' || perRequest)
    return undefined
  return { input: input_mtok, output: output_mtok, cached: cache_read_mtok ?? input_mtok }
}

/** The table takes 15 MB to load, so it is loaded when a price is first asked for. */
let calcPrice: typeof calculate | undefined

function ask(provider: string, model: string, { inputTokens, outputTokens, cachedTokens }: Tokens, at: number) {
  const usage = {
    input_tokens: inputTokens,
    output_tokens: outputTokens,
    ...(cachedTokens !== null && { cache_read_tokens: cachedTokens }),
  }
  calcPrice ??= (createRequire(import.meta.url)('@pydantic/genai-prices') as { calcPrice: typeof calculate }).calcPrice
  try {
    return calcPrice(usage, model, { providerId: provider.toLowerCase(), timestamp: new Date(at) })
  } catch {
    return null // the table has a price for this model that tokens alone do not tell
  }
}

/** The price table that comes with the service: `@pydantic/genai-prices`, as it was when this version was made. It asks nobody. */
const fromTable: Pricing = (provider, model, tokens, at) => {
  const key = `${provider}\n${model}`
  const remembered = known.get(key)
  if (remembered === 'unknown') return null
  if (remembered && remembered !== 'asked') return priced(remembered, tokens)
  const found = ask(provider, model, tokens, at)
  if (known.size >= mostKnown) known.clear()
  const linear = found && !Array.isArray(found.model.prices) ? linearOf(found.model_price) : undefined
  known.set(key, found === null ? 'unknown' : (linear ?? 'asked'))
  return found && Math.round(found.total_price * 1_000_000)
}

/** A workspace's prices before those of the table. */
export function pricingWith(overrides: readonly PriceOverride[]): Pricing {
  if (overrides.length === 0) return fromTable
  const own = new Map<string, Linear>(
    overrides.map(({ provider = '', model, inputUsdPerMTok, outputUsdPerMTok, cachedInputUsdPerMTok }) => [
      `${provider}\n${model}`,
      { input: inputUsdPerMTok, output: outputUsdPerMTok, cached: cachedInputUsdPerMTok ?? inputUsdPerMTok },
    ]),
  )
  return (provider, model, tokens, at) => {
    const linear = own.get(`${provider}\n${model}`) ?? own.get(`\n${model}`)
    return linear ? priced(linear, tokens) : fromTable(provider, model, tokens, at)
  }
}
