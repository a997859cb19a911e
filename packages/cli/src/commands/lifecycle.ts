import type { Client } from '@prompt-store/sdk'
import type { Command } from 'commander'
import { Argument } from 'commander'
import { withClient, withConnection } from '../connection.ts'
import { wantsJson, writeJson, writeLine } from '../output.ts'
import { idOf } from './labels.ts'

const statuses = ['draft', 'review', 'published', 'deprecated', 'archived'] as const
type Status = (typeof statuses)[number]

export function addLifecycle(program: Command): void {
  const lifecycle = program.command('lifecycle').description('see and move where a prompt stands in its life')
  addGet(lifecycle)
  addSet(lifecycle)
  addHistory(lifecycle)
  addCounts(lifecycle)
}

const addGet = (lifecycle: Command): Command =>
  withConnection(lifecycle.command('get <category/name>'))
    .description('the status of a prompt, and where it can go from there')
    .action((text: string, _own: object, command: Command) =>
      withClient(command, async (client, options) => {
        const found = await client.request('GET', '/prompts/{id}/lifecycle', { path: { id: await idOf(client, text) } })
        await (wantsJson(options) ? writeJson(found) : writeLine(`${found.status} (can go to: ${found.allowed.join(', ')})`))
      }),
    )

type Told = { reason?: string; sunset?: string; successor?: string; force?: boolean }

const addSet = (lifecycle: Command): Command =>
  withConnection(
    lifecycle
      .command('set <category/name>')
      .addArgument(new Argument('<status>', 'where to: draft, review, published, deprecated or archived').choices(statuses)),
  )
    .description('move a prompt to another status')
    .option('--reason <text>', 'why; kept in the history')
    .option('--sunset <time>', 'with deprecated: when it is planned to be served no more; none: unknown')
    .option('--successor <category/name>', 'with deprecated: the prompt to use instead; none: there is none')
    .option('--force', 'archive it although prompts include it by a label')
    .action((text: string, status: Status, told: Told, command: Command) =>
      withClient(command, async (client, options) => {
        const body = { status, ...(await bodyOf(client, told)) }
        const moved = await client.request('PUT', '/prompts/{id}/lifecycle', { path: { id: await idOf(client, text) }, body })
        await (wantsJson(options)
          ? writeJson(moved)
          : writeLine(`${moved.category}/${moved.name} is ${moved.status} (can go to: ${moved.allowed.join(', ')})`))
      }),
    )

/** What is said of the move, as the API takes it; `none` clears. */
const bodyOf = async (client: Client, { reason, sunset, successor, force }: Told) => ({
  ...(reason !== undefined && { reason }),
  ...(sunset !== undefined && { sunsetAt: sunset === 'none' ? null : sunset }),
  ...(successor !== undefined && { successorId: successor === 'none' ? null : await idOf(client, successor) }),
  ...(force && { force }),
})

const addHistory = (lifecycle: Command): Command =>
  withConnection(lifecycle.command('history <category/name>'))
    .description('the moves of a prompt, newest first, one a line')
    .action((text: string, _own: object, command: Command) =>
      withClient(command, async (client, options) => {
        for await (const move of client.paginate('/prompts/{id}/lifecycle/history', { path: { id: await idOf(client, text) } }))
          await (wantsJson(options)
            ? writeJson(move)
            : writeLine(`${move.movedAt}\t${move.from} → ${move.to}\t${move.movedBy}\t${move.reason ?? ''}`))
      }),
    )

const addCounts = (lifecycle: Command): Command =>
  withConnection(lifecycle.command('counts'))
    .description('how many prompts have each status')
    .option('--category <name>', 'of this category alone')
    .action(({ category }: { category?: string }, command: Command) =>
      withClient(command, async (client, options) => {
        const found = await client.request('GET', '/lifecycle/counts', { query: category === undefined ? {} : { category } })
        if (wantsJson(options)) return writeJson(found)
        for (const status of statuses) await writeLine(`${status}\t${found.counts[status]}`)
      }),
    )
