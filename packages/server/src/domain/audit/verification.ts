import type { Ctx } from '../../core/context.ts'
import { findInBlock, findInEntries, noTip, type Tip, tipOf, valuesOf } from './model/blocks.ts'
import type { CheckpointLog, SignedCheckpoint } from './model/checkpoint.ts'
import type { Finding, Verification } from './model/findings.ts'
import type { Keyring, Signer } from './model/signing.ts'
import { follow, type Outside } from './outside.ts'
import { type End, getEnd, type Step, walkChain } from './queries/chain.ts'

/** How long after its sealing a checkpoint may still be on its way out of the database. */
const graceMs = 60_000

type Comparison = { compared: number; position: number | null }
type Walk = Readonly<{ tip: Tip; found: Finding | undefined }>

/**
 * Walk a workspace's whole chain and compare it with the checkpoints that this machine keeps outside of the database.
 * Changes nothing, and holds no more than a few thousand entries at a time.
 */
export async function verifyTrail(
  ctx: Ctx,
  { keys, signer, log }: { keys: Keyring; signer: Signer; log: CheckpointLog | undefined },
): Promise<Verification> {
  const outside = log && follow(log, ctx.workspaceId, keys)
  const comparison: Comparison = { compared: 0, position: null }
  await outside?.next(0) // opens the log before the chain is looked at: what is in it is of blocks that are there
  const end = await getEnd(ctx)
  const { tip, found } = await walk(ctx, end, keys, outside, comparison)
  const broken = found ?? strayOf(end) ?? (await restOf(outside, end, ctx.now()))
  return {
    ok: broken === undefined,
    workspaceId: ctx.workspaceId,
    entries: tip.position,
    unsealed: end.unsealed,
    head: tip.head.toString('hex'),
    checkpoints: outside ? { ...comparison, since: outside.since() } : null,
    broken: broken ?? null,
    publicKey: signer.publicKey,
    keyId: signer.keyId,
  }
}

/** @returns where the walk got to, and what stopped it */
async function walk(ctx: Ctx, end: End, keys: Keyring, outside: Outside | undefined, comparison: Comparison): Promise<Walk> {
  let tip = noTip(ctx.workspaceId)
  for await (const step of walkChain(ctx, { position: 0 }, end.tip.height)) {
    const found =
      findInBlock(tip, step.block, keys) ?? findInEntries(step.block, step.entries) ?? (await compare(step, outside, comparison))
    if (found) return { tip, found }
    tip = tipOf(step.block)
  }
  return { tip, found: tip.height < end.tip.height ? missing(tip, end) : undefined }
}

const missing = (tip: Tip, end: End): Finding => ({
  kind: 'block_missing',
  position: tip.position + 1,
  sequence: null,
  detail: `Block ${tip.height + 1} is missing; there are blocks up to ${end.tip.height}.`,
})

/** The chain as it is against what was carried out of the database when it was sealed. */
async function compare({ block }: Step, outside: Outside | undefined, comparison: Comparison): Promise<Finding | undefined> {
  const values = valuesOf(block)
  for (let c = await outside?.next(block.lastPosition); c; c = await outside?.next(block.lastPosition)) {
    if (c.position < block.firstPosition) return rewritten(c)
    if (values[c.position - block.firstPosition]!.toString('hex') !== c.head) return rewritten(c)
    comparison.compared++
    comparison.position = c.position
  }
  return undefined
}

const rewritten = ({ position, sealedAt }: SignedCheckpoint): Finding => ({
  kind: 'rewritten',
  position,
  sequence: null,
  detail: `A checkpoint outside of the database, sealed at ${sealedAt}, has another value at this position: the chain up to here was made anew.`,
})

const beyond = ({ position, sealedAt }: SignedCheckpoint, tip: Tip): Finding => ({
  kind: 'truncated',
  position: tip.position + 1,
  sequence: null,
  detail: `A checkpoint outside of the database, sealed at ${sealedAt}, tells of ${position} entries, and the chain ends after ${tip.position}.`,
})

const strayOf = ({ stray, tip }: End): Finding | undefined =>
  stray === null
    ? undefined
    : {
        kind: 'inserted',
        position: tip.position + 1,
        sequence: stray,
        detail: `Entry ${stray} was not there when entries with its number were sealed.`,
      }

/** What is left of the log when the chain has ended. */
async function restOf(outside: Outside | undefined, end: End, now: string): Promise<Finding | undefined> {
  if (!outside) return undefined
  const further = await outside.next(Number.POSITIVE_INFINITY)
  if (further) return beyond(further, end.tip)
  const wrong = await outside.finish()
  if (wrong) return wrong
  const isOld = end.sealedAt !== null && Date.parse(now) - Date.parse(end.sealedAt) > graceMs
  return isOld && outside.number() < end.lastNumber
    ? {
        kind: 'checkpoints_behind',
        position: null,
        sequence: null,
        detail: `The checkpoints of this machine end at number ${outside.number()}, and the workspace's last block is ${end.lastNumber}: the file was cut, replaced or cannot be written.`,
      }
    : undefined
}
