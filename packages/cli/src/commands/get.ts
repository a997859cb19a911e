import type { Command } from 'commander'
import { withClient, withConnection } from '../connection.ts'
import { wantsJson, write, writeJson } from '../output.ts'
import { pinned } from '../reference.ts'
import { versionNumber } from '../values.ts'

export const addGet = (program: Command): Command =>
  withConnection(program.command('get <category/name>'))
    .description('show the prompt that is served: the label production, unless another label or a version is asked for')
    .option('--label <label>', 'the version that a label stands on')
    .option('--version <n>', 'this version', versionNumber)
    .option('--text', 'the content alone, as it is')
    .action((text: string, own: { label?: string; version?: number; text?: boolean }, command: Command) =>
      withClient(command, async (client, options) => {
        const { prompt, content } = await client.prompts.get(pinned(text, own))
        if (own.text || !wantsJson(options)) await write(ended(content))
        else await writeJson(prompt)
      }),
    )

/** A content for people: a text as it is, messages one after the other. */
export const ended = (content: unknown): string => {
  const text = typeof content === 'string' ? content : JSON.stringify(content, null, 2)
  return process.stdout.isTTY && !text.endsWith('\n') ? `${text}\n` : text
}
