import type { Command } from 'commander'
import { withClient, withConnection } from '../connection.ts'
import { wantsJson, write, writeJson } from '../output.ts'
import { pinned } from '../reference.ts'
import { collectVariable, typedValues, versionNumber } from '../values.ts'
import { ended } from './get.ts'

type Own = { label?: string; version?: number; var?: Record<string, string>; text?: boolean }

export const addRender = (program: Command): Command =>
  withConnection(program.command('render <category/name>'))
    .description('fill a prompt with values')
    .option('--var <name=value>', 'a value; repeatable; arrays and objects as JSON', collectVariable)
    .option('--label <label>', 'the version that a label stands on')
    .option('--version <n>', 'this version', versionNumber)
    .option('--text', 'the rendered content alone, as it is')
    .action((text: string, own: Own, command: Command) =>
      withClient(command, async (client, options) => {
        const wanted = pinned(text, own)
        const { prompt } = await client.prompts.get(wanted)
        const variables = typedValues(own.var ?? {}, prompt?.variables ?? [])
        const rendered = await client.prompts.get({ ...wanted, variables })
        if (own.text || !wantsJson(options)) await write(ended(rendered.content))
        else await writeJson(rendered.prompt)
      }),
    )
