import { createReadStream, existsSync, readFileSync } from 'node:fs'
import { type Command, InvalidArgumentError } from 'commander'
import { download } from '../audit/download.ts'
import { keysOf, linesOf } from '../audit/format.ts'
import { type Report, verifyExport } from '../audit/verify.ts'
import { withClient, withConnection } from '../connection.ts'
import { ToldFailure, UsageError, wantsJson, write, writeJson, writeLine } from '../output.ts'
import { toFile } from '../to-file.ts'

export function addAudit(program: Command): void {
  const audit = program.command('audit').description('who did what: look at the trail, take it away, verify it')
  addList(audit)
  addExport(audit)
  addVerify(audit)
}

type Filter = { actor?: string; action?: string; subject?: string; from?: string; to?: string; requestId?: string; limit?: number }

const count = (text: string): number => {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It is a number from 1.')
  return Number(text)
}

const addList = (audit: Command): Command =>
  withConnection(audit.command('list'))
    .description('entries, newest first, one a line')
    .option('--actor <principal>', 'of this principal, such as key:<id>')
    .option('--action <action>', 'of this action, or of all that begin so: prompt.*')
    .option('--subject <id>', 'done to this')
    .option('--from <time>', 'not before this time (RFC 3339)')
    .option('--to <time>', 'before this time')
    .option('--request-id <id>', 'of this request')
    .option('--limit <n>', 'at most so many; all without it', count)
    .action((own: Filter, command: Command) =>
      withClient(command, async (client, options) => {
        const { limit = Number.POSITIVE_INFINITY, ...all } = own
        const { actor, action, subject, from, to, requestId } = all
        const given = { actor, action, subject, from, to, requestId }
        const query = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
        let left = limit
        for await (const entry of client.paginate('/audit', { query: { ...query, limit: Math.min(200, limit) } })) {
          if (left-- <= 0) return
          await (wantsJson(options)
            ? writeJson(entry)
            : writeLine([entry.at, entry.actor, entry.action, entry.subject, entry.requestId].join('\t')))
        }
      }),
    )

const addExport = (audit: Command): Command =>
  withConnection(audit.command('export [file]'))
    .description('write the sealed trail as NDJSON with a signed footer: to stdout, or to a file')
    .option('--after <position>', 'what follows this position of the chain; all without it', count)
    .action((file: string | undefined, { after }: { after?: number }, command: Command) =>
      withClient(command, async (_client, { url, apiKey }) => {
        const copy = async (put: (data: Uint8Array) => Promise<void>) => {
          for await (const chunk of download(`/audit/export${after === undefined ? '' : `?after=${after}`}`, { url, apiKey }))
            await put(chunk)
        }
        await (file === undefined ? copy(write) : toFile(file, copy))
      }),
    )

type Verifying = { publicKey: string[]; checkpoints?: string }

/** A public key as it is, or the name of a file that holds it. */
const collectKey = (text: string, before: string[]): string[] => [...before, existsSync(text) ? readFileSync(text, 'utf8') : text]

const addVerify = (audit: Command): Command =>
  audit
    .command('verify <file>')
    .description('verify an exported trail offline: no service and no secret is needed')
    .option('--public-key <key>', 'what GET /audit/verify named, or a file that holds it; again for earlier keys', collectKey, [])
    .option('--checkpoints <file>', 'checkpoints that were kept outside of the database (DATA_DIR/audit-checkpoints.ndjson)')
    .option('--json', 'JSON also on a terminal; a pipe gets JSON anyway')
    .addHelpText(
      'after',
      '\nWithout --public-key the key is taken from the file: that finds damage, but not a file that was signed anew by another.',
    )
    .action(async (file: string, own: Verifying & { json?: boolean }) => {
      for (const path of [file, own.checkpoints])
        if (path !== undefined && !existsSync(path)) throw new UsageError(`There is no file "${path}".`)
      const report = await verifyExport(linesOf(createReadStream(file)), {
        publicKeys: checked(own.publicKey),
        checkpoints: own.checkpoints ? linesOf(createReadStream(own.checkpoints)) : undefined,
      })
      await (wantsJson(own) ? writeJson(report) : writeLine(told(report)))
      if (!report.keyTrusted && report.ok)
        process.stderr.write(`note: the key was taken from the file (${report.publicKey}). Give the one you know by --public-key.\n`)
      if (!report.ok) throw new ToldFailure()
    })

/** @throws UsageError for what is no key */
function checked(publicKeys: readonly string[]): readonly string[] {
  try {
    keysOf(publicKeys)
    return publicKeys
  } catch (error) {
    throw new UsageError(`--public-key: ${(error as Error).message}`)
  }
}

const told = ({ broken, entries, first, last, compared, exportedAt }: Report): string =>
  broken
    ? `BROKEN (${broken.kind}): ${broken.detail}`
    : `ok: ${entries} entries${entries > 0 ? `, positions ${first} to ${last}` : ''}, exported ${exportedAt}${compared > 0 ? `; ${compared} checkpoints kept outside agree` : ''}`
