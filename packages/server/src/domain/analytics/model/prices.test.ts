import { expect, test } from 'vitest'
import { loadedAfter } from '../../../testing/loaded-by.ts'
import { pricingWith } from './prices.ts'

const at = Date.parse('2026-01-01T00:00:00Z')
const tokens = { inputTokens: 1_000_000, outputTokens: 0, cachedTokens: null }
const overrides = [{ model: 'ours', inputUsdPerMTok: 2, outputUsdPerMTok: 4 }]

test('a workspace’s own price goes before the table’s, and a model that nobody knows has none', () => {
  const price = pricingWith(overrides)
  const asked = ['ours', 'gpt-4o', 'gpt-4o', 'no such model'].map((model) => price('openai', model, tokens, at))
  expect(asked).toEqual([2_000_000, 2_500_000, 2_500_000, null])
})

test('the price table is loaded when one of its prices is first asked for, and not before', async () => {
  const asked = (model: string) => `price('openai', '${model}', ${JSON.stringify(tokens)}, ${at})`
  const made = `const price = (await import('${new URL('prices.ts', import.meta.url)}')).pricingWith(${JSON.stringify(overrides)})`
  expect(await loadedAfter('genai-prices', [made, asked('ours'), asked('gpt-4o')])).toEqual([false, false, true])
})
