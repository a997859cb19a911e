import { type Command, InvalidArgumentError } from 'commander'
import { withClient, withConnection } from '../connection.ts'
import { UsageError, wantsJson, writeJson, writeLine } from '../output.ts'

const collect = (text: string, before: readonly string[] = []): readonly string[] => [...before, text]

const hourMs = 3_600_000
function hours(text: string): number {
  if (!/^\d{1,3}(\.\d+)?$/.test(text)) throw new InvalidArgumentError('It is a number of hours.')
  return Number(text)
}

export function addKeys(program: Command): void {
  const keys = program.command('keys').description('make, see, rotate and revoke API keys')
  addCreate(keys)
  addList(keys)
  addRotate(keys)
  addRevoke(keys)
}

type Made = { id: string; name: string; key?: string }
/** A key is told once. The answer to a call that had to be repeated lacks it. */
async function tell(made: Made, asJson: boolean): Promise<void> {
  if (made.key === undefined)
    throw new Error(
      `the key ${made.id} is made, but the answer that told it was lost on the way. Get another: keys rotate ${made.id} --overlap 0`,
    )
  if (asJson) return writeJson(made)
  process.stderr.write('The key is shown this once and kept nowhere:\n')
  await writeLine(made.key)
}

type Create = { role?: string; scope?: string[]; expires?: string; allow?: string[]; workspace?: string }

const addCreate = (keys: Command): Command =>
  withConnection(keys.command('create <name>'))
    .description('make a key, and print it this once')
    .option('--role <role>', 'a built-in role or one of the workspace; viewer without it and without --scope')
    .option('--scope <permission>', 'a permission in place of a role, such as prompts:read; can be repeated', collect)
    .option('--expires <time>', 'when it stops to work, as 2030-01-31T00:00:00Z')
    .option('--allow <network>', 'where it may be used from, as 10.0.0.0/8; can be repeated', collect)
    .option('--workspace <id>', 'of another workspace: administrators of the installation only')
    .action((name: string, own: Create, command: Command) =>
      withClient(command, async (client, options) => {
        const { role, scope: scopes, expires: expiresAt, allow: allowedCidrs, workspace: workspaceId } = own
        if (role !== undefined && scopes !== undefined) throw new UsageError('Give --role or --scope: one of the two.')
        const body = {
          name,
          ...(scopes ? { scopes } : { role: role ?? 'viewer' }),
          ...(expiresAt !== undefined && { expiresAt }),
          ...(allowedCidrs && { allowedCidrs }),
          ...(workspaceId !== undefined && { workspaceId }),
        }
        await tell(await client.request('POST', '/api-keys', { body }), wantsJson(options))
      }),
    )

const addList = (keys: Command): Command =>
  withConnection(keys.command('list'))
    .description('the keys of the workspace, newest first, one a line')
    .option('--revoked', 'also those that were revoked')
    .action((own: { revoked?: boolean }, command: Command) =>
      withClient(command, async (client, options) => {
        for await (const key of client.paginate('/api-keys', { query: { revoked: own.revoked ?? false } }))
          await (wantsJson(options)
            ? writeJson(key)
            : writeLine(`${key.id}\t${key.name}\t${key.role ?? key.scopes.join(' ')}\t${stateOf(key)}\tused ${key.lastUsedAt ?? 'never'}`))
      }),
    )

type Ends = { revokedAt: string | null; retiresAt: string | null; expiresAt: string | null }
const stateOf = ({ revokedAt, retiresAt, expiresAt }: Ends): string => {
  if (revokedAt) return `revoked ${revokedAt}`
  if (retiresAt) return `rotated, until ${retiresAt}`
  return expiresAt ? `until ${expiresAt}` : 'live'
}

const addRotate = (keys: Command): Command =>
  withConnection(keys.command('rotate <id>'))
    .description('make a key with the same rights, and print it this once; the old one goes on for a while')
    .option('--overlap <hours>', 'how long the old key goes on: 24 without it, 0 ends it now', hours)
    .option('--expires <time>', 'when the new key stops to work; as the old one without it')
    .action((id: string, own: { overlap?: number; expires?: string }, command: Command) =>
      withClient(command, async (client, options) => {
        const body = {
          ...(own.overlap !== undefined && { overlapMs: Math.round(own.overlap * hourMs) }),
          ...(own.expires !== undefined && { expiresAt: own.expires }),
        }
        await tell(await client.request('POST', '/api-keys/{id}/rotate', { path: { id }, body }), wantsJson(options))
      }),
    )

const addRevoke = (keys: Command): Command =>
  withConnection(keys.command('revoke <id>'))
    .description('end a key now')
    .action((id: string, _own: object, command: Command) =>
      withClient(command, async (client, options) => {
        await client.request('DELETE', '/api-keys/{id}', { path: { id } })
        await (wantsJson(options) ? writeJson({ id, revoked: true }) : writeLine(`${id} is revoked`))
      }),
    )
