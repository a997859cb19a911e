import { createRequire } from 'node:module'
import { expect, test } from 'vitest'
import { countTokens } from './tokens.ts'

const isLoaded = () => Object.keys(createRequire(import.meta.url).cache).some((file) => file.includes('gpt-tokenizer'))

test('the encoding is loaded when tokens are first counted, and not before', () => {
  expect(isLoaded()).toBe(false)
  expect([countTokens(''), isLoaded()]).toEqual([0, false])
  expect([countTokens('Hello world'), isLoaded()]).toEqual([2, true])
})
