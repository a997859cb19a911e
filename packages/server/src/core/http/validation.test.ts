import { expect, onTestFinished, test } from 'vitest'
import { startTestApp } from '../../testing/index.ts'
import { compile } from './validation.ts'

test('every schema of every endpoint compiles, though none is compiled before it is used', async () => {
  const { app, stop } = await startTestApp()
  onTestFinished(stop)
  const endpoints = app.modules.flatMap(({ endpoints }) => endpoints)
  let compiled = 0
  for (const { name, params, query, body, reply } of endpoints)
    for (const [schema, part] of [
      [params, 'params'],
      [query, 'query'],
      [body, 'body'],
      [reply, 'body'],
    ] as const) {
      if (!schema) continue
      expect(() => compile(schema, part)({}), `${name}: ${part}`).not.toThrow()
      compiled++
    }
  expect(compiled).toBeGreaterThan(endpoints.length)
})
