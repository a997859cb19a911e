import { type Command, Option } from 'commander'
import { withClient, withConnection } from '../connection.ts'
import { wantsJson, writeJson, writeLine } from '../output.ts'
import { versionNumber } from '../values.ts'

const modes = ['keyword', 'semantic', 'hybrid'] as const
type Own = { mode?: (typeof modes)[number]; category?: string; tag?: string[]; limit?: number }

export const addSearch = (program: Command): Command =>
  withConnection(program.command('search <words>'))
    .description('find prompts, best first, one a line: score, reference, what matched')
    .addOption(new Option('--mode <mode>', 'by words, by meaning, or by both').choices(modes))
    .option('--category <category>', 'in this category')
    .option('--tag <tag...>', 'with all of these tags')
    .option('--limit <n>', 'how many, 1 to 200', versionNumber, 10)
    .action((query: string, { mode, category, tag, limit }: Own, command: Command) =>
      withClient(command, async (client, options) => {
        const filters = { ...(category !== undefined && { category }), ...(tag && { tag }) }
        const body = { query, filters, ...(mode && { mode }), ...(limit !== undefined && { limit }) }
        const found = await client.request('POST', '/prompts/search', { body })
        if (wantsJson(options)) return writeJson(found)
        for (const { detail } of found.warnings) console.error(`warning: ${detail}`)
        for (const { query: meant } of found.suggestions) console.error(`did you mean: ${meant}`)
        for (const { score, category: where, name, highlights } of found.items)
          await writeLine([score.toFixed(2), `${encode(where)}/${encode(name)}`, oneLine(highlights.at(-1)?.text ?? '')].join('\t'))
      }),
    )

/** A part of a reference, as the other commands read it. */
const encode = (part: string): string => part.replace(/[%/@]/g, encodeURIComponent)
const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim().slice(0, 100)
