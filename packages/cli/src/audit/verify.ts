import { createHash } from 'node:crypto'
import { type Outside, readCheckpoints } from './checkpoints.ts'
import type { Finding } from './finding.ts'
import {
  type Checkpoint,
  type Entry,
  entryHash,
  type Footer,
  format,
  genesis,
  type Header,
  isSigned,
  type Keys,
  keysOf,
  link,
  parseLine,
} from './format.ts'

export type Report = Readonly<{
  ok: boolean
  workspaceId: string | null
  /** Entries that were found in order. */
  entries: number
  first: number
  last: number
  exportedAt: string | null
  /** Signed checkpoints in the file, and those outside that agree. */
  checkpoints: number
  compared: number
  broken: Finding | null
  publicKey: string | null
  /** False when the key was taken from the file itself: who rewrote all of it may have signed it, too. */
  keyTrusted: boolean
}>

type State = {
  header: Header
  chain: string
  position: number
  seen: number
  checkpoints: number
  compared: number
}
type Given = Readonly<{ publicKeys: readonly string[]; checkpoints?: AsyncIterable<string> | undefined }>

/**
 * Verify an exported trail without the service: its entries against their chain, the chain against the signed
 * checkpoints in the file and, when given, against those kept outside of the database, and the footer. Memory is flat.
 * @throws a TypeError when a key is none
 */
export async function verifyExport(lines: AsyncIterable<string>, given: Given): Promise<Report> {
  const iterator = lines[Symbol.asyncIterator]()
  const digest = createHash('sha256')
  const read = async (): Promise<string | undefined> => (await iterator.next()).value
  const begin = await read()
  const header = begin === undefined ? undefined : parseLine(begin)
  if (header?.type !== 'header' || header.format !== format)
    return reportOf(
      undefined,
      given,
      fileAltered(`This is no audit trail of the format ${format}: it does not begin with its header.`, null),
    )
  digest.update(`${begin}\n`)
  const keys = keysOf(given.publicKeys.length > 0 ? given.publicKeys : [header.publicKey])
  const outside = given.checkpoints && (await readCheckpoints(given.checkpoints, header.workspaceId, keys))
  const state: State = { header, chain: header.chain, position: header.after, seen: 0, checkpoints: 0, compared: 0 }
  const broken = outside?.wrong ?? findInHeader(state, outside) ?? (await findInLines({ state, keys, outside, read, digest }))
  return reportOf(state, given, broken)
}

const reportOf = (state: State | undefined, { publicKeys }: Given, broken: Finding | undefined): Report => ({
  ok: broken === undefined,
  workspaceId: state?.header.workspaceId ?? null,
  entries: state ? state.position - state.header.after : 0,
  first: state && state.position > state.header.after ? state.header.after + 1 : 0,
  last: state?.position ?? 0,
  exportedAt: state?.header.exportedAt ?? null,
  checkpoints: state?.checkpoints ?? 0,
  compared: state?.compared ?? 0,
  broken: broken ?? null,
  publicKey: state?.header.publicKey ?? null,
  keyTrusted: publicKeys.length > 0,
})

const fileAltered = (detail: string, position: number | null): Finding => ({ kind: 'file_altered', position, sequence: null, detail })

function findInHeader(state: State, outside: Outside | undefined): Finding | undefined {
  const { workspaceId, after, chain } = state.header
  if (after === 0 && chain !== genesis(workspaceId))
    return fileAltered('The header does not begin where the chain of this workspace begins.', 0)
  return compare(state, outside)
}

type Reading = Readonly<{
  state: State
  keys: Keys
  outside: Outside | undefined
  read: () => Promise<string | undefined>
  digest: ReturnType<typeof createHash>
}>

async function findInLines(reading: Reading): Promise<Finding | undefined> {
  const { state, keys, outside, read, digest } = reading
  for (let text = await read(); text !== undefined; text = await read()) {
    const line = parseLine(text)
    if (line?.type === 'footer') return (await findInFooter(reading, line)) ?? undefined
    digest.update(`${text}\n`)
    const found =
      line?.type === 'entry'
        ? await findInEntry(reading, line)
        : line?.type === 'checkpoint'
          ? findInCheckpoint(state, line, keys)
          : fileAltered('A line is none of an audit trail.', state.position + 1)
    if (found) return found
    if (line?.type === 'entry') {
      const differs = compare(state, outside)
      if (differs) return differs
    }
  }
  return {
    kind: 'truncated',
    position: state.position + 1,
    sequence: null,
    detail: `The file ends after position ${state.position}, without its footer.`,
  }
}

/** Follow the chain by one entry; when it does not, the rest of the file tells what was done. */
async function findInEntry({ state, read }: Reading, entry: Entry): Promise<Finding | undefined> {
  const { workspaceId } = state.header
  state.seen++
  const wanted = state.position + 1
  const before = state.chain
  const value = link(before, entryHash(workspaceId, entry))
  if (entry.position === wanted && value === entry.chain) {
    state.position = wanted
    state.chain = value
    return undefined
  }
  const { sequence } = entry
  for (let text = await read(); text !== undefined; text = await read()) {
    const later = parseLine(text)
    if (later?.type !== 'entry') continue
    const laterValue = link(before, entryHash(workspaceId, later))
    if (later.position === wanted && laterValue === later.chain)
      return entry.position === wanted || entry.position === null
        ? { kind: 'inserted', position: wanted, sequence, detail: `Entry ${sequence} was put in before position ${wanted}.` }
        : { kind: 'swapped', position: wanted, sequence, detail: `Entry ${sequence} stands where entry ${later.sequence} belongs.` }
    if (entry.position === wanted && laterValue === entry.chain)
      return { kind: 'swapped', position: wanted, sequence, detail: `Entry ${sequence} stands where entry ${later.sequence} belongs.` }
  }
  if (entry.position === null) return { kind: 'inserted', position: wanted, sequence, detail: `Entry ${sequence} was never sealed.` }
  return entry.position > wanted
    ? { kind: 'deleted', position: wanted, sequence: null, detail: `Position ${wanted} is missing; the next one is ${entry.position}.` }
    : { kind: 'edited', position: wanted, sequence, detail: `Entry ${sequence} is not as it was sealed.` }
}

function findInCheckpoint(state: State, line: Checkpoint, keys: Keys): Finding | undefined {
  const at = { position: state.position, sequence: null }
  if (!isSigned(line, keys))
    return {
      kind: 'signature',
      ...at,
      detail: `The checkpoint at position ${line.position} is not signed by a trusted key (key id ${line.keyId}).`,
    }
  state.checkpoints++
  if (line.workspaceId === state.header.workspaceId && line.position === state.position && line.head === state.chain) return undefined
  return line.workspaceId === state.header.workspaceId && line.position > state.position
    ? {
        kind: 'deleted',
        position: state.position + 1,
        sequence: null,
        detail: `The entries from position ${state.position + 1} to ${line.position} are missing.`,
      }
    : {
        kind: 'rewritten',
        ...at,
        detail: `The chain up to position ${line.position} is not the one that was sealed: something was put in, taken out or changed, and the chain made anew.`,
      }
}

/** What was kept outside of the database against the chain at this position. */
function compare(state: State, outside: Outside | undefined): Finding | undefined {
  const kept = outside?.at(state.position)
  if (!kept) return undefined
  state.compared++
  if (kept.head === state.chain) return undefined
  return {
    kind: 'rewritten',
    position: state.position,
    sequence: null,
    detail: `The checkpoint of ${kept.sealedAt} that was kept outside has another value at position ${state.position}: the chain up to here was made anew.`,
  }
}

async function findInFooter({ state, keys, outside, read, digest }: Reading, footer: Footer): Promise<Finding | undefined> {
  const at = { position: state.position + 1, sequence: null }
  if (!isSigned(footer, keys))
    return { kind: 'signature', ...at, detail: `The footer is not signed by a trusted key (key id ${footer.keyId}).` }
  if (footer.position > state.position)
    return {
      kind: 'truncated',
      ...at,
      detail: `The footer tells of positions up to ${footer.position}, and the entries end at ${state.position}.`,
    }
  const { header } = state
  const fits =
    footer.sha256 === digest.digest('hex') &&
    footer.workspaceId === header.workspaceId &&
    footer.after === header.after &&
    footer.count === state.seen &&
    footer.position === state.position &&
    footer.head === state.chain
  if (!fits) return fileAltered('The footer was signed for other lines than those before it.', null)
  if ((await read()) !== undefined) return fileAltered('There are lines after the footer.', null)
  const last = outside?.lastBefore(footer.exportedAt)
  return last && last.position > state.position
    ? { kind: 'truncated', ...at, detail: `A checkpoint of ${last.sealedAt} that was kept outside tells of ${last.position} entries.` }
    : undefined
}
