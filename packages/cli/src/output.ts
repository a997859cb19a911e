import { PromptStoreError } from '@prompt-store/sdk'

/** A call that makes no sense as it was given: exit code 2. */
export class UsageError extends Error {}

/** The command was understood and has failed in a way that has been told already: exit code 1, nothing more to say. */
export class ToldFailure extends Error {}

/** Machines read a pipe, people a terminal. */
export const wantsJson = (options: { json?: boolean }): boolean => options.json === true || process.stdout.isTTY !== true

/** Write to stdout; resolves when there is room for more. */
export const write = (text: string | Uint8Array): Promise<void> =>
  new Promise((resolve) => {
    if (process.stdout.write(text)) resolve()
    else process.stdout.once('drain', resolve)
  })

export const writeLine = (text: string): Promise<void> => write(`${text}\n`)
export const writeJson = (value: unknown): Promise<void> => writeLine(JSON.stringify(value))

/** One clear line for a failure, with the problem's code and detail. */
export function describe(error: unknown): string {
  if (!(error instanceof PromptStoreError)) return error instanceof Error ? error.message : String(error)
  const fields = error.errors.filter(({ detail }) => !error.detail.includes(detail)).map(({ pointer, detail }) => `${pointer}: ${detail}`)
  const request = error.requestId === undefined ? '' : ` (request ${error.requestId})`
  return oneLine(`${error.code}: ${[error.detail, ...fields].join(' ')}${request}`)
}

const oneLine = (text: string): string => text.replace(/\s*[\r\n]+\s*/g, ' ')

/** 0 done, 1 failed, 2 called wrongly. */
export function exitCodeOf(error: unknown): 1 | 2 {
  return error instanceof UsageError ? 2 : 1
}
