import { randomBytes } from 'node:crypto'
import { assertMay, may } from '../../../core/access.ts'
import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { AppError } from '../../../core/errors.ts'
import { between } from '../../../core/events.ts'
import { promptRedacted, redactionRequested, redactionWithdrawn } from '../model/events.ts'
import { RedactionNotFound, VersionInUse } from '../model/failures.ts'
import { called, type State, touched, type VersionState } from '../model/prompt.ts'
import {
  assertAnother,
  blockersOf,
  type Place,
  type RedactionRequest,
  type RedactionView,
  redactedVersion,
  remainsOf,
  requestRedaction,
  saltedHash,
} from '../model/redaction.ts'
import type { VersionNumber } from '../model/shapes.ts'
import { includeStore, pinnersOf } from '../store/include-store.ts'
import { promptStore } from '../store/prompt-store.ts'
import { redactionStore } from '../store/redaction-store.ts'
import { byOf } from './apply.ts'

type At = Readonly<{ id: string; version: VersionNumber }>
export type RedactVersion = At & Readonly<{ reason: string; salt?: string | undefined }>

/**
 * Ask to remove the text of a version for good; or, where another person has asked, do it.
 * @throws VersionRedacted (410) when it is gone already; RedactionNeedsAnother, VersionInUse (409)
 */
export const redactVersion = ({ id, version: number, reason, salt }: RedactVersion, ctx: Ctx): Promise<RedactionView> =>
  ctx.transact(async (tx) => {
    const state = await promptStore(tx).lock(id, { deleted: true })
    assertMay(ctx.actor, 'prompts:redact', { category: state.category })
    const version = await promptStore(tx).version(id, number)
    await redactionStore(tx).expire(id, number, ctx.now())
    const open = await redactionStore(tx).find(id, number, ctx.now())
    if (open) return confirm(tx, ctx, { state, version, request: open, salt })
    const request = requestRedaction(ctx.newId(), id, number, reason, byOf(ctx))
    await redactionStore(tx).add(request)
    await ctx.emit(tx, between(null, request, [redactionRequested(id, { ...called(state), version: number })]))
    return viewOf(tx, ctx, { state, version, request })
  })

/** Take a request back, whoever made it. @throws RedactionNotFound (404) */
export const withdrawRedaction = ({ id, version }: At, ctx: Ctx): Promise<void> =>
  ctx.transact(async (tx) => {
    const state = await promptStore(tx).lock(id, { deleted: true })
    assertMay(ctx.actor, 'prompts:redact', { category: state.category })
    const request = await redactionStore(tx).find(id, version, ctx.now())
    if (!request) throw new AppError(RedactionNotFound, `Nobody's request to redact version ${version} is open.`)
    await redactionStore(tx).decide({ id: request.id, status: 'withdrawn' }, byOf(ctx))
    await ctx.emit(tx, between(request, null, [redactionWithdrawn(id, { ...called(state), version })]))
  })

type Case = Readonly<{ state: State; version: VersionState; request: RedactionRequest }>

async function confirm(tx: Db, ctx: Ctx, { salt, ...one }: Case & { salt: string | undefined }): Promise<RedactionView> {
  const { state, version, request } = one
  const by = byOf(ctx)
  assertAnother(request, by)
  await includeStore(tx).lockGraph(ctx.workspaceId) // nobody comes to pin it meanwhile
  const view = await viewOf(tx, ctx, one)
  if (view.blockers.length > 0)
    throw new AppError(VersionInUse, view.blockers.map(({ detail }) => detail).join(' '), { members: { blockers: view.blockers } })
  // Without a salt of the caller's it is thrown away here: then nobody can ever prove what the text was.
  const hash = saltedHash(version.body, salt ?? randomBytes(32).toString('hex'))
  const left = redactedVersion(version, request, hash, by)
  await promptStore(tx).redactVersion(state.id, left)
  await promptStore(tx).save(touched(state, by))
  await includeStore(tx).remove(state.id, version.version)
  await redactionStore(tx).forgetTraces(state.id, version.version)
  await redactionStore(tx).decide({ id: request.id, status: 'redacted', purgeChecksum: version.checksum }, by)
  const told = promptRedacted(state.id, { ...called(state), version: version.version })
  await ctx.emit(tx, between(request, left.redaction, [told]))
  return { ...view, status: 'redacted', expiresAt: null, redactedBy: by.actor, redactedAt: by.at, hash }
}

/** What a request asks for, and what would stand in its way or stay behind. */
async function viewOf(tx: Db, ctx: Ctx, { state, version, request }: Case): Promise<RedactionView> {
  const { promptId, reason, requestedBy, requestedAt, expiresAt } = request
  const elsewhere = await redactionStore(tx).sameText(promptId, version.version, version.body)
  const seen = elsewhere.filter(({ category }: Place) => may(ctx.actor, 'prompts:read', { category }))
  return {
    promptId,
    version: version.version,
    status: 'requested',
    reason,
    requestedBy,
    requestedAt,
    expiresAt,
    redactedBy: null,
    redactedAt: null,
    hash: null,
    blockers: blockersOf(state, version.version, await pinnersOf(tx, { id: promptId, actor: ctx.actor }, version.version)),
    elsewhere: seen.slice(0, 100),
    elsewhereTotal: elsewhere.length,
    remains: remainsOf(state, version.body),
  }
}

/** The open request of a version, as `redactVersion` answered it. @throws RedactionNotFound (404) */
export async function getRedaction({ id, version: number }: At, ctx: Ctx): Promise<RedactionView> {
  await ctx.read((db) => promptStore(db).get(id)) // is it the caller's to see? What stands in the way may be hidden, and counts
  return ctx.readAll(async (db) => {
    const state = await promptStore(db).get(id)
    const version = await promptStore(db).version(id, number)
    const request = await redactionStore(db).find(id, number, ctx.now())
    if (!request) throw new AppError(RedactionNotFound, `Nobody's request to redact version ${number} is open.`)
    return viewOf(db, ctx, { state, version, request })
  })
}
