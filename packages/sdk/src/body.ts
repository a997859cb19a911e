import { PromptStoreError } from './errors.ts'

/** A body as data; undefined when there is none. @throws PromptStoreError when it is not JSON */
export function dataOf(text: string, status: number): never {
  if (text === '') return undefined as never
  try {
    return JSON.parse(text) as never
  } catch (cause) {
    throw new PromptStoreError({
      status,
      code: 'response.unreadable',
      detail: 'The answer is not JSON. Is something else listening at this address?',
      cause,
    })
  }
}
