import { createPublicKey, hash, type KeyObject, verify } from 'node:crypto'

/** The format of an exported trail, as docs/adr/0011 writes it down; the server's own code makes the same bytes. */

export type Entry = Readonly<{
  type: 'entry'
  position: number | null
  sequence: number
  at: string
  actor: string
  action: string
  subject: string
  beforeHash: string | null
  afterHash: string | null
  requestId: string
  data: unknown
  /** The chain's value after this entry, in hex. */
  chain: string | null
}>
export type Header = Readonly<{
  type: 'header'
  format: string
  workspaceId: string
  exportedAt: string
  after: number
  chain: string
  publicKey: string
  keyId: string
}>
export type Checkpoint = Readonly<{
  type: 'checkpoint'
  number: number
  workspaceId: string
  height: number
  position: number
  head: string
  sealedAt: string
  keyId: string
  signature: string
}>
export type Beginning = Readonly<{ type: 'checkpoints'; number: number; at: string; keyId: string; signature: string }>
export type Footer = Readonly<{
  type: 'footer'
  workspaceId: string
  exportedAt: string
  after: number
  count: number
  position: number
  head: string
  sha256: string
  keyId: string
  signature: string
}>
export type Line = Header | Entry | Checkpoint | Footer | Beginning

export const format = 'prompt-store-audit/1'

const sha256 = (data: string | Uint8Array): string => hash('sha256', data)

/** SHA-256 of an entry, in hex. */
export const entryHash = (workspaceId: string, e: Entry): string =>
  sha256(
    JSON.stringify([
      'entry/1',
      workspaceId,
      e.sequence,
      e.at,
      e.actor,
      e.action,
      e.subject,
      e.beforeHash,
      e.afterHash,
      e.requestId,
      e.data,
    ]),
  )

/** The chain's value before the first entry, in hex. */
export const genesis = (workspaceId: string): string => sha256(JSON.stringify(['chain/1', workspaceId]))

/** The chain's value after one more entry, in hex. */
export const link = (previous: string, entry: string): string => sha256(Buffer.from(previous + entry, 'hex'))

/** What the signature of a line is made over. */
function signedText(line: Checkpoint | Beginning | Footer): string {
  if (line.type === 'checkpoints') return JSON.stringify(['checkpoints/1', line.number, line.at, line.keyId])
  if (line.type === 'checkpoint')
    return JSON.stringify(['checkpoint/1', line.number, line.workspaceId, line.height, line.position, line.head, line.sealedAt, line.keyId])
  const { signature: _own, ...unsigned } = line
  return JSON.stringify(['footer/1', unsigned])
}

/** Trusted public keys by their ids. */
export type Keys = ReadonlyMap<string, KeyObject>

/** @param texts SPKI in base64, or PEM. @throws a TypeError for what is no Ed25519 public key */
export const keysOf = (texts: readonly string[]): Keys =>
  new Map(texts.map(parseKey).map((key) => [sha256(key.export({ format: 'der', type: 'spki' })).slice(0, 16), key]))

function parseKey(text: string): KeyObject {
  try {
    const body = text.replace(/-----[^-]+-----|\s/g, '')
    const key = createPublicKey({ key: Buffer.from(body, 'base64'), format: 'der', type: 'spki' })
    if (key.asymmetricKeyType === 'ed25519') return key
  } catch {
    // told below
  }
  throw new TypeError(`"${text.trim().slice(0, 80)}" is no Ed25519 public key.`)
}

export function isSigned(line: Checkpoint | Beginning | Footer, keys: Keys): boolean {
  const key = keys.get(line.keyId)
  if (key === undefined || typeof line.signature !== 'string') return false
  return verify(null, Buffer.from(signedText(line)), key, Buffer.from(line.signature, 'base64'))
}

/** A line as what it says it is; undefined for what is none of ours. */
export function parseLine(text: string): Line | undefined {
  try {
    const line = JSON.parse(text)
    return ['header', 'entry', 'checkpoint', 'checkpoints', 'footer'].includes(line?.type) ? line : undefined
  } catch {
    return undefined
  }
}

/** The lines of a stream of bytes, without their line breaks. What follows the last line break is a line too. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  let rest = ''
  for await (const chunk of chunks) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = parts.pop()!
    yield* parts
  }
  rest += decoder.decode()
  if (rest !== '') yield rest
}
