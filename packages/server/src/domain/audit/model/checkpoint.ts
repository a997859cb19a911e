import type { Keyring, Signer } from './signing.ts'

/** Up to where a workspace's chain was sealed, and its value there. */
export type Checkpoint = Readonly<{
  /** Counts the blocks of the installation, without gaps. */
  number: number
  workspaceId: string
  /** Counts the blocks of the workspace. */
  height: number
  /** Entries of the chain so far. */
  position: number
  /** The chain's value, in hex. */
  head: string
  sealedAt: string
}>
export type SignedCheckpoint = Checkpoint & Readonly<{ keyId: string; signature: string }>

/** What a checkpoint's signature is made over. */
export const checkpointText = ({ number, workspaceId, height, position, head, sealedAt }: Checkpoint, keyId: string): string =>
  JSON.stringify(['checkpoint/1', number, workspaceId, height, position, head, sealedAt, keyId])

export const isSigned = (c: SignedCheckpoint, keys: Keyring): boolean =>
  keys.check(c.keyId, checkpointText(c, c.keyId), Buffer.from(c.signature, 'base64'))

/** Somewhere outside of the database that keeps checkpoints: a file, later perhaps a receiver of webhooks. */
export type CheckpointSink = Readonly<{
  /** Resolves when the lines are safe. */
  append(lines: readonly string[]): Promise<void>
}>

/** One that can be read back. */
export type CheckpointLog = CheckpointSink &
  Readonly<{
    /** The lines that are there now, oldest first, in bounded memory. */
    lines(): AsyncIterable<string>
    /** The last lines that are whole; none when there are none at all. */
    tail(): Promise<readonly string[]>
  }>

export const lineOf = ({ number, workspaceId, height, position, head, sealedAt, keyId, signature }: SignedCheckpoint): string =>
  JSON.stringify({ type: 'checkpoint', number, workspaceId, height, position, head, sealedAt, keyId, signature })

/** A log that was begun later than the chains says so: all blocks after `number` are in it. */
export type Beginning = Readonly<{ number: number; at: string; keyId: string; signature: string }>

const beginningText = ({ number, at, keyId }: Omit<Beginning, 'signature'>): string => JSON.stringify(['checkpoints/1', number, at, keyId])

export function beginningLine(number: number, at: string, signer: Signer): string {
  const facts = { number, at, keyId: signer.keyId }
  return JSON.stringify({ type: 'checkpoints', ...facts, signature: signer.sign(beginningText(facts)).toString('base64') })
}

export const isSignedBeginning = (b: Beginning, keys: Keyring): boolean =>
  keys.check(b.keyId, beginningText(b), Buffer.from(b.signature, 'base64'))

/** A line of a log, or undefined for what is none: a line that was broken off when the power went. */
export function parseLine(line: string): ({ type: 'checkpoint' } & SignedCheckpoint) | ({ type: 'checkpoints' } & Beginning) | undefined {
  try {
    const parsed = JSON.parse(line)
    return ['checkpoint', 'checkpoints'].includes(parsed?.type) && typeof parsed.signature === 'string' ? parsed : undefined
  } catch {
    return undefined
  }
}
