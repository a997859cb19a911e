import { type Client, createClient } from '@prompt-store/sdk'
import type { Command } from 'commander'
import { UsageError } from './output.ts'

export type GlobalOptions = { url: string; apiKey?: string; json?: boolean }

/** The options that every command takes. */
export const withConnection = (command: Command): Command =>
  command
    .option('--url <url>', 'where the service is (PROMPT_STORE_URL; http://127.0.0.1:5110 without it)')
    .option('--api-key <key>', 'the key to call it with (PROMPT_STORE_API_KEY is better: others can see arguments)')
    .option('--json', 'JSON also on a terminal; a pipe gets JSON anyway')

/** Run a command with a client, which is closed afterwards. */
export async function withClient(command: Command, work: (client: Client, options: GlobalOptions) => Promise<void>): Promise<void> {
  const given = command.optsWithGlobals<Partial<GlobalOptions>>()
  const url = given.url ?? (process.env.PROMPT_STORE_URL || 'http://127.0.0.1:5110')
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new UsageError(`"${url}" is no address of a service. Write it as http://127.0.0.1:5110.`)
  const apiKey = given.apiKey ?? (process.env.PROMPT_STORE_API_KEY || undefined)
  const client = createClient({ url, apiKey, timeoutMs: 30_000, retries: 4 })
  try {
    await work(client, { ...given, url, ...(apiKey !== undefined && { apiKey }) })
  } finally {
    await client.close()
  }
}
