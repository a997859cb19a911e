import { createHash } from 'node:crypto'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Client, PromptItem, Version } from '@prompt-store/sdk'
import type { Command } from 'commander'
import { withClient, withConnection } from '../connection.ts'
import { exportedRow } from '../import/exported.ts'
import { UsageError, wantsJson, write, writeJson, writeLine } from '../output.ts'
import { type Put, toFile } from '../to-file.ts'

type Counts = { prompts: number; versions: number }

export const addExport = (program: Command): Command =>
  withConnection(program.command('export [file|dir]'))
    .description('write prompts with all versions and labels as JSON Lines: to stdout, to a file, or to one file per category in a folder')
    .option('--category <category>', 'only this one')
    .addHelpText('after', '\nThe command import takes such files back, in this or in another workspace.')
    .action((target: string | undefined, own: { category?: string }, command: Command) =>
      withClient(command, async (client, options) => {
        const counts: Counts = { prompts: 0, versions: 0 }
        if (target === undefined) return exportTo(client, own.category, write, counts)
        if (isFolder(target))
          for await (const category of categoriesOf(client, own.category))
            await toFile(join(target, fileOf(category)), (put) => exportTo(client, category, put, counts))
        else await toFile(target, (put) => exportTo(client, own.category, put, counts))
        await (wantsJson(options)
          ? writeJson({ event: 'summary', ...counts })
          : writeLine(`${counts.prompts} prompts with ${counts.versions} versions written to ${target}`))
      }),
    )

function isFolder(target: string): boolean {
  if (existsSync(target)) return statSync(target).isDirectory()
  if (target.endsWith('/')) throw new UsageError(`The folder "${target}" does not exist.`)
  return false
}

/** A name that every file system takes; a long one ends in a hash, so that no two are the same. */
function fileOf(category: string): string {
  const encoded = encodeURIComponent(category).replace(/^\./, '%2E').replace(/\*/g, '%2A')
  return `${encoded.length <= 200 ? encoded : `${encoded.slice(0, 160)}-${createHash('sha256').update(category).digest('hex').slice(0, 16)}`}.jsonl`
}

async function* categoriesOf(client: Client, only: string | undefined): AsyncGenerator<string> {
  if (only !== undefined) yield only
  else for await (const { name } of client.paginate('/prompts/categories', { query: { limit: 200 } })) yield name
}

/** Oldest prompts first, so that what is made or changed meanwhile does not disturb the walk. */
async function exportTo(client: Client, category: string | undefined, put: Put, counts: Counts): Promise<void> {
  for await (const prompt of client.paginate('/prompts', {
    query: { sort: 'createdAt', view: 'summary', limit: 200, ...(category !== undefined && { category }) },
  })) {
    counts.prompts++
    for await (const version of versionsOf(client, prompt)) {
      counts.versions++
      await put(`${JSON.stringify(exportedRow(prompt, version))}\n`)
    }
  }
}

const pageSize = 50

/** Oldest first. A long history is read version by version, so that no more than a page is ever held. */
async function* versionsOf(client: Client, { id, version: newest }: PromptItem): AsyncGenerator<Version> {
  if (newest <= pageSize) {
    const { items } = await client.request('GET', '/prompts/{id}/versions', { path: { id }, query: { limit: pageSize } })
    yield* items.reverse()
  } else
    for (let version = 1; version <= newest; version++)
      yield await client.request('GET', '/prompts/{id}/versions/{version}', { path: { id, version } })
}
