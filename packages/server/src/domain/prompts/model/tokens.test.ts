import { expect, test } from 'vitest'
import { loadedAfter } from '../../../testing/loaded-by.ts'

test('the encoding is loaded when tokens are first counted, and not before', async () => {
  const steps = [
    `const { countTokens } = await import('${new URL('tokens.ts', import.meta.url)}')`,
    `countTokens('')`,
    `if (countTokens('Hello world') !== 2) throw new Error('counted otherwise')`,
  ]
  expect(await loadedAfter('gpt-tokenizer', steps)).toEqual([false, false, true])
})
