import type { Ctx } from '../../core/context.ts'
import { valuesOf } from './model/blocks.ts'
import { genesis } from './model/entry.ts'
import { exportLines } from './model/export.ts'
import type { Signer } from './model/signing.ts'
import { type End, findBlockOf, getEnd, walkChain } from './queries/chain.ts'

/** What is sealed of a workspace's trail after a position, as NDJSON, piece by piece. @param after 0: from the beginning */
export async function* exportTrail(ctx: Ctx, signer: Signer, after: number): AsyncGenerator<string> {
  const end = await getEnd(ctx)
  const from = Math.min(after, end.tip.position)
  const lines = exportLines({
    workspaceId: ctx.workspaceId,
    exportedAt: ctx.now(),
    after: from,
    chain: await chainAt(ctx, from, end),
    to: end.tip,
    signer,
  })
  yield lines.header()
  for await (const { block, entries } of walkChain(ctx, { position: from }, end.tip.height)) yield lines.block(block, entries)
  yield lines.footer(end.unsealed)
}

/** The chain's value after a position, in hex. */
async function chainAt(ctx: Ctx, position: number, { tip }: End): Promise<string> {
  if (position === 0) return genesis(ctx.workspaceId).toString('hex')
  if (position === tip.position) return tip.head.toString('hex')
  const block = await findBlockOf(ctx, position)
  return block ? valuesOf(block)[position - block.firstPosition]!.toString('hex') : ''
}
