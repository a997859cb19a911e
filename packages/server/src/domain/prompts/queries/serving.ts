import { assertMay, may, type On, type Principal } from '../../../core/access.ts'
import type { Cache, Loaded } from '../../../core/cache.ts'
import type { Ctx } from '../../../core/context.ts'
import { AppError, isAppError } from '../../../core/errors.ts'
import type { Feed } from '../../../core/feed/feed.ts'
import { prefix } from '../../../core/http/mount.ts'
import { Unavailable } from '../../../core/problem.ts'
import { type Composition, manifestOf, variablesOf } from '../model/composition.ts'
import { promptRedacted } from '../model/events.ts'
import { expandContent } from '../model/expand.ts'
import { PromptNotFound } from '../model/failures.ts'
import { cacheControl, deprecationHeaders, type ServedPrompt, servedHeaders, sha256 } from '../model/served.ts'
import { labelOf, nameTag, promptTag, servedKey, tagsOf, type Wanted } from '../model/serving-keys.ts'
import type { UseRecorder } from '../use-recorder.ts'
import { type BodyCaches, bodyKey, createComposer } from './compose.ts'
import { deprecationOf, findServed, type Pointer } from './served.ts'

/** A prompt ready to be sent: finished bytes, and what is needed to fill it. */
export type Served = Readonly<{
  pointer: Pointer
  label: string | null
  bytes: Buffer
  etag: string
  headers: Readonly<Record<string, string>>
  /** The same, names and values in turn. */
  rawHeaders: readonly string[]
  /** What a caller whose reading is limited needs to be allowed. */
  on: On
}> & {
  /** The hour in which its use was noted last. */
  notedIn: number
}
/** Served, or known to be absent. */
export type Outcome = Served | Readonly<{ absent: AppError }>

export type Caches = BodyCaches & Readonly<{ served: Cache<Outcome> }>

export type Serving = Readonly<{
  /** @throws PromptNotFound, LabelNotFound, VersionNotFound (404), PromptArchived, VersionRedacted (410), Forbidden (403), Unavailable (503) */
  serve(wanted: Wanted, ctx: Ctx): Promise<{ served: Served; staleMs?: number }>
  /** From the cache alone, when the feed is current: for the hot path. */
  peek(workspaceId: string, wanted: Wanted): Served | undefined
  /** A caller was given it: looking at caches and warming them up is no use. */
  used(workspaceId: string, served: Served): void
  /** What is needed to fill a served prompt. */
  compose(pointer: Pointer, ctx: Ctx): Promise<Composition>
  /** Delete a text that was removed for good from the shared cache. @throws when that does not answer */
  forget(workspaceId: string, checksum: string): Promise<void>
}>

/** The last known answer is given for this long while the database is away. */
const staleForMs = 3_600_000
const absentForMs = 30_000

/** Serve prompts from level 1, level 2 and the database; pointers are as fresh as the feed. */
export function createServing({ served, ...parts }: Caches, feed: Feed, use: Pick<UseRecorder, 'used'>): Serving {
  const compose = createComposer(parts)
  feed.subscribe(({ events, everything }) => {
    if (everything) served.clear()
    else served.evict(events.flatMap(tagsOf))
    // Bodies lie under the checksum of their text, which no event may tell: all of the workspace go.
    const redacted = new Set(events.filter(({ type }) => type === promptRedacted.type).map(({ workspaceId }) => workspaceId))
    if (everything || redacted.size > 0) parts.bodies.evictWhere((key) => everything || redacted.has(key.split('\n', 1)[0]!))
  })

  const load = async (wanted: Wanted, ctx: Ctx): Promise<Loaded<Outcome>> => {
    try {
      const pointer = await ctx.readAll((db) => findServed(db, wanted, ctx.now()))
      const composition = await compose(pointer, ctx)
      const value = finish(pointer, composition, wanted)
      const expiresInMs =
        pointer.formerUntil === null ? {} : { expiresInMs: Math.max(1, Date.parse(pointer.formerUntil) - Date.parse(ctx.now())) }
      return { value, bytes: weightOf(value), tags: tagsFor(ctx.workspaceId, wanted, pointer), ...expiresInMs }
    } catch (error) {
      return absence(error, ctx.workspaceId, wanted)
    }
  }

  return {
    compose,
    used: use.used,
    forget: (workspaceId, checksum) => parts.shared.deleteMany([bodyKey(workspaceId, checksum)]),
    peek(workspaceId, wanted) {
      if (!feed.isCurrent()) return undefined
      const outcome = served.get(servedKey(workspaceId, wanted))
      return outcome && 'bytes' in outcome ? outcome : undefined
    },
    async serve(wanted, ctx) {
      const key = servedKey(ctx.workspaceId, wanted)
      await feed.refresh()
      if (feed.isCurrent()) {
        const known = served.get(key)
        if (known) return { served: present(known, wanted, ctx) }
      }
      const last = served.peek(key)
      if (feed.isAway() && last && 'bytes' in last && feed.age() < staleForMs)
        return { served: present(last, wanted, ctx), staleMs: feed.age() }
      try {
        return { served: present(await served.load(key, () => load(wanted, ctx)), wanted, ctx) }
      } catch (error) {
        if (isAppError(error, Unavailable) && last && 'bytes' in last && feed.age() < staleForMs)
          return { served: present(last, wanted, ctx), staleMs: feed.age() }
        throw error
      }
    },
  }
}

/** What is not there, or no more, is remembered too, until a change of its prompt or name. @throws the error when it says anything else */
function absence(error: unknown, workspaceId: string, wanted: Wanted): Loaded<Outcome> {
  if (!isAppError(error) || (error.kind.status !== 404 && error.kind.status !== 410)) throw error
  const { promptId, successor } = (error.extras.members ?? {}) as { promptId?: string; successor?: { id: string } }
  const named = [promptId, successor?.id].filter((id) => id !== undefined).map((id) => promptTag(workspaceId, id))
  const tags = [...tagsFor(workspaceId, wanted), ...named]
  return { value: { absent: error }, bytes: 300, tags, expiresInMs: absentForMs }
}

function present(outcome: Outcome, wanted: Wanted, { actor }: Ctx): Served {
  if (actor.limits) assertMayServe(outcome, wanted, actor)
  if ('absent' in outcome) throw new AppError(outcome.absent.kind, outcome.absent.detail, outcome.absent.extras)
  return outcome
}

/**
 * Caches are shared by all callers, so a limited one is looked at with each answer. By id a prompt of another category is
 * absent; by name, which tells the category, it is refused, whether it is there or not.
 * @throws PromptNotFound (404), Forbidden (403)
 */
function assertMayServe(outcome: Outcome, wanted: Wanted, actor: Principal): void {
  const label = labelOf(wanted) ?? null
  if ('id' in wanted) {
    if ('absent' in outcome) return assertMay(actor, 'prompts:read', { label })
    if (!may(actor, 'prompts:read', { category: outcome.pointer.category }))
      throw new AppError(PromptNotFound, `There is no prompt ${wanted.id}.`)
  }
  const category = 'absent' in outcome ? ('category' in wanted ? wanted.category : '') : outcome.pointer.category
  assertMay(actor, 'prompts:read', { category, label })
}

/** What evicts an answer: changes of the name or id that was asked for, and of every prompt in it. */
function tagsFor(workspaceId: string, wanted: Wanted, pointer?: Pointer): string[] {
  const asked = 'id' in wanted ? promptTag(workspaceId, wanted.id) : nameTag(workspaceId, wanted.category, wanted.name)
  if (!pointer) return [asked]
  const ids = [...pointer.parts.values()].map(({ entry }) => promptTag(workspaceId, entry.promptId))
  const successor = pointer.successor ? [promptTag(workspaceId, pointer.successor.id)] : []
  return [...new Set([asked, nameTag(workspaceId, pointer.category, pointer.name), ...ids, ...successor])]
}

/** About how many bytes a finished answer takes: its bytes, its facts once more as an object, and its parts. */
const weightOf = ({ bytes, pointer }: Served): number =>
  bytes.length + 2 * (pointer.description.length + JSON.stringify([pointer.tags, pointer.metadata]).length) + 500 * pointer.parts.size

/** A buffer of its own: one cut from Node's pool would keep 8 kB alive for as long as it is cached. */
function exactBytes(text: string): Buffer {
  const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text))
  bytes.write(text)
  return bytes
}

function finish(pointer: Pointer, composition: Composition, wanted: Wanted): Served {
  const label = labelOf(wanted) ?? null
  const {
    parts: _parts,
    followsLabels,
    formerUntil: _until,
    deprecatedAt: _at,
    sunsetAt: _sunset,
    successor: _successor,
    ...facts
  } = pointer
  const deprecation = deprecationOf(pointer)
  const resolvedContent = expandContent(composition)
  const view: ServedPrompt = {
    ...(facts as Omit<typeof facts, 'status'> & Pick<ServedPrompt, 'status'>),
    ...composition.root.compiled.body,
    label,
    ...(deprecation && { deprecation }),
    includes: manifestOf(composition),
    ...(resolvedContent !== undefined && { resolvedContent, resolvedVariables: variablesOf(composition) }),
  }
  const bytes = exactBytes(JSON.stringify(view))
  const etag = sha256(bytes).slice(0, 32)
  const headers = {
    'Content-Type': 'application/json; charset=utf-8',
    ETag: `"${etag}"`,
    'Cache-Control': cacheControl(label === null && !followsLabels),
    ...servedHeaders(view),
    ...deprecationHeaders(deprecation, prefix),
  }
  return {
    pointer,
    label,
    bytes,
    etag,
    headers,
    rawHeaders: Object.entries(headers).flat(),
    on: { category: pointer.category, label },
    notedIn: 0,
  }
}
