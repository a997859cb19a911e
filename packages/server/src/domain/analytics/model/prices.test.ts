import { createRequire } from 'node:module'
import { expect, test } from 'vitest'
import { pricingWith } from './prices.ts'

const isLoaded = () => Object.keys(createRequire(import.meta.url).cache).some((file) => file.includes('genai-prices'))

test('the price table is loaded when one of its prices is first asked for, and not before', () => {
  const price = pricingWith([{ model: 'ours', inputUsdPerMTok: 2, outputUsdPerMTok: 4 }])
  const tokens = { inputTokens: 1_000_000, outputTokens: 0, cachedTokens: null }
  const at = Date.parse('2026-01-01T00:00:00Z')
  expect([price('openai', 'ours', tokens, at), isLoaded()]).toEqual([2_000_000, false])
  expect([price('openai', 'gpt-4o', tokens, at), isLoaded()]).toEqual([2_500_000, true])
  expect(price('openai', 'gpt-4o', tokens, at)).toBe(2_500_000) // as it is remembered
  expect(price('openai', 'no such model', tokens, at)).toBeNull()
})
