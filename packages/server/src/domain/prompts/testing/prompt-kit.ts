import { afterAll, beforeAll, expect } from 'vitest'
import type { AppOptions } from '../../../app.ts'
import { type Call, startTestApp, type TestAnswer, type TestApp } from '../../../testing/index.ts'
import type { Prompt } from '../model/shapes.ts'

/** One service for all tests of a file. @returns how to get at it, within tests */
export function sharedApp(options: Partial<AppOptions> = {}): () => TestApp {
  let app: TestApp
  beforeAll(async () => {
    app = await startTestApp(options)
  })
  afterAll(() => app.stop())
  return () => app
}

let made = 0
/** A name that no other test of the file uses. */
export const freshName = (base = 'prompt'): string => `${base} ${++made}`

/** Create a prompt, in the category `tests` and under a fresh name unless told. */
export async function aPrompt(call: Call, fields: Record<string, unknown> = {}): Promise<Prompt> {
  const answer = await call<Prompt>('POST', '/prompts', { content: 'Hello {{name}}', category: 'tests', name: freshName(), ...fields })
  expect(answer.status, answer.text).toBe(201)
  return answer.body
}

/** Give a prompt another content, which makes a version. */
export async function aVersion(call: Call, { id }: Pick<Prompt, 'id'>, content: unknown): Promise<Prompt> {
  const answer = await call<Prompt>('PUT', `/prompts/${id}/content`, { content })
  expect(answer.status, answer.text).toBe(200)
  return answer.body
}

/** The address that serves a prompt. */
export const servePath = ({ category, name }: { category: string; name: string }, query = ''): string =>
  `/prompts/search/${encodeURIComponent(category)}/${encodeURIComponent(name)}${query && `?${query}`}`

/** Status and code of an answer: what a failing call is judged by. */
export const verdict = ({ status, body }: TestAnswer): unknown[] => (status < 400 ? [status] : [status, body.code])
