import type { Client } from '@prompt-store/sdk'
import type { Command } from 'commander'
import { withClient, withConnection } from '../connection.ts'
import { wantsJson, writeJson, writeLine } from '../output.ts'
import { parseReference } from '../reference.ts'
import { versionNumber } from '../values.ts'

/** Labels are moved by the prompt's id; version 1 is there whatever the labels are. */
export async function idOf(client: Client, text: string): Promise<string> {
  const { category, name } = parseReference(text)
  return (await client.request('POST', '/prompts/resolve', { body: { category, name, version: 1 } })).id
}

/** `none` stays a word here: the option parser takes null for no value at all. */
const expected = (text: string): number | 'none' => (text === 'none' ? text : versionNumber(text))

export function addLabels(program: Command): void {
  const labels = program.command('labels').description('see and move the labels of a prompt')
  addList(labels)
  addMoves(labels)
  addHistory(labels)
}

const addList = (labels: Command): Command =>
  withConnection(labels.command('list <category/name>'))
    .description('labels and the versions they stand on')
    .action((text: string, _own: object, command: Command) =>
      withClient(command, async (client, options) => {
        const prompt = await client.request('GET', '/prompts/{id}', { path: { id: await idOf(client, text) } })
        if (wantsJson(options))
          return writeJson({ id: prompt.id, category: prompt.category, name: prompt.name, newest: prompt.version, labels: prompt.labels })
        for (const [label, version] of Object.entries(prompt.labels)) await writeLine(`${label}\t${version}`)
      }),
    )

type Reasoned = { reason?: string }
const reasoned = ({ reason }: Reasoned) => (reason === undefined ? {} : { reason })

function addMoves(labels: Command): void {
  withConnection(labels.command('set <category/name> <label>').argument('<version>', 'the version', versionNumber))
    .description('let a label stand on a version')
    .option('--expected <n>', 'only if the label stands there now; none: only if it is not set', expected)
    .option('--reason <text>', 'why; kept in the history')
    .action((text: string, label: string, version: number, own: Reasoned & { expected?: number | 'none' }, command: Command) =>
      withClient(command, async (client, options) => {
        const body = {
          version,
          ...reasoned(own),
          ...(own.expected !== undefined && { expectedVersion: own.expected === 'none' ? null : own.expected }),
        }
        const moved = await client.request('PUT', '/prompts/{id}/labels/{label}', { path: { id: await idOf(client, text), label }, body })
        await (wantsJson(options)
          ? writeJson(moved)
          : writeLine(`${label} stands on version ${moved.version} (before: ${moved.previousVersion ?? 'not set'})`))
      }),
    )
  withConnection(labels.command('revert <category/name> <label>'))
    .description('put a label back to where its last move took it from')
    .option('--reason <text>', 'why; kept in the history')
    .action((text: string, label: string, own: Reasoned, command: Command) =>
      withClient(command, async (client, options) => {
        const moved = await client.request('POST', '/prompts/{id}/labels/{label}/revert', {
          path: { id: await idOf(client, text), label },
          body: reasoned(own),
        })
        await (wantsJson(options)
          ? writeJson(moved)
          : writeLine(`${label} stands on version ${moved.version} again (before: ${moved.previousVersion ?? 'not set'})`))
      }),
    )
  withConnection(labels.command('delete <category/name> <label>'))
    .description('take a label away')
    .action((text: string, label: string, _own: object, command: Command) =>
      withClient(command, async (client, options) => {
        await client.request('DELETE', '/prompts/{id}/labels/{label}', { path: { id: await idOf(client, text), label } })
        await (wantsJson(options) ? writeJson({ label, deleted: true }) : writeLine(`${label} is taken away`))
      }),
    )
}

const addHistory = (labels: Command): Command =>
  withConnection(labels.command('history <category/name> <label>'))
    .description('the moves of a label, newest first, one a line')
    .action((text: string, label: string, _own: object, command: Command) =>
      withClient(command, async (client, options) => {
        for await (const move of client.paginate('/prompts/{id}/labels/{label}/history', { path: { id: await idOf(client, text), label } }))
          await (wantsJson(options)
            ? writeJson(move)
            : writeLine(`${move.movedAt}\t${move.from ?? '-'} → ${move.to ?? '-'}\t${move.movedBy}\t${move.reason ?? ''}`))
      }),
    )
