import type { Cache, Loaded, SharedCache } from '../../../core/cache.ts'
import type { Ctx } from '../../../core/context.ts'
import { AppError, isAppError } from '../../../core/errors.ts'
import type { Feed } from '../../../core/feed/feed.ts'
import { Unavailable } from '../../../core/problem.ts'
import { bodyChecksum } from '../model/checksum.ts'
import { IncludeUnavailable } from '../model/failures.ts'
import { type Compiled, type Composition, compileBody, manifestOf } from '../model/render.ts'
import { cacheControl, type ServedPrompt, servedHeaders, sha256 } from '../model/served.ts'
import { labelOf, nameTag, promptTag, servedKey, tagsOf, type Wanted } from '../model/serving-keys.ts'
import type { Body } from '../model/shapes.ts'
import { findBodies, findServed, type Pointer } from './served.ts'

/** A prompt ready to be sent: finished bytes, and what is needed to fill it. */
export type Served = Readonly<{ pointer: Pointer; label: string | null; bytes: Buffer; etag: string; headers: Readonly<Record<string, string>> }>
/** Served, or known to be absent. */
export type Outcome = Served | Readonly<{ absent: AppError }>

export type Caches = Readonly<{ served: Cache<Outcome>; bodies: Cache<Compiled>; shared: SharedCache }>

export type Serving = Readonly<{
  /** @throws PromptNotFound, LabelNotFound, VersionNotFound (404), Unavailable (503) */
  serve(wanted: Wanted, ctx: Ctx): Promise<{ served: Served; staleMs?: number }>
  /** From the cache alone, when the feed is current: for the hot path. */
  peek(workspaceId: string, wanted: Wanted): Served | undefined
  /** What is needed to fill a served prompt. */
  compose(pointer: Pointer, ctx: Ctx): Promise<Composition>
}>

/** The last known answer is given for this long while the database is away. */
const staleForMs = 3_600_000
const absentForMs = 30_000

/** Serve prompts from level 1, level 2 and the database; pointers are as fresh as the feed. */
export function createServing({ served, bodies, shared }: Caches, feed: Feed): Serving {
  feed.subscribe(({ events, everything }) => {
    if (everything) served.clear()
    else served.evict(events.flatMap(tagsOf))
  })

  const compose = async (pointer: Pointer, ctx: Ctx): Promise<Composition> => {
    const wanted = new Map(flatten(pointer).map((p) => [bodyKey(ctx.workspaceId, p), p]))
    const compiled = new Map<string, Compiled>()
    for (const key of wanted.keys()) {
      const known = bodies.get(key)
      if (known) compiled.set(key, known)
    }
    const missing = [...wanted].filter(([key]) => !compiled.has(key))
    if (missing.length > 0) for (const [key, body] of await loadBodies(missing, ctx)) compiled.set(key, await bodies.load(key, async () => keepBody(body)))
    return assemble(pointer, (p) => compiled.get(bodyKey(ctx.workspaceId, p))!)
  }

  /** Level 2 first, each value checked against its checksum; the rest in one query. */
  const loadBodies = async (missing: [string, Pointer][], ctx: Ctx): Promise<Map<string, Body>> => {
    const found = new Map<string, Body>()
    const texts = await shared.getMany(missing.map(([key]) => key))
    texts.forEach((text, i) => {
      const body = text === undefined ? undefined : verified(text, missing[i]![1].checksum)
      if (body) found.set(missing[i]![0], body)
    })
    const rest = missing.filter(([key]) => !found.has(key))
    if (rest.length === 0) return found
    const stored = await ctx.read((db) => findBodies(db, rest.map(([, pointer]) => pointer)))
    for (const [key, { id, version }] of rest) {
      const body = stored.get(`${id}@${version}`)
      if (body) found.set(key, body)
    }
    shared.setMany(rest.flatMap(([key]) => (found.has(key) ? [{ key, value: JSON.stringify(found.get(key)) }] : [])))
    return found
  }

  const load = async (wanted: Wanted, ctx: Ctx): Promise<Loaded<Outcome>> => {
    try {
      const pointer = await ctx.read((db) => findServed(db, wanted, ctx.now()))
      const composition = await compose(pointer, ctx)
      const value = finish(pointer, composition, wanted)
      const expiresInMs = pointer.formerUntil === null ? {} : { expiresInMs: Math.max(1, Date.parse(pointer.formerUntil) - Date.parse(ctx.now())) }
      return { value, bytes: value.bytes.length + JSON.stringify(pointer).length * 2, tags: tagsFor(ctx.workspaceId, wanted, flatten(pointer).map(({ id }) => id)), ...expiresInMs }
    } catch (error) {
      if (!isAppError(error) || error.kind.status !== 404) throw error
      const { promptId } = (error.extras.members ?? {}) as { promptId?: string }
      return { value: { absent: error }, bytes: 300, tags: tagsFor(ctx.workspaceId, wanted, promptId ? [promptId] : []), expiresInMs: absentForMs }
    }
  }

  return {
    compose,
    peek(workspaceId, wanted) {
      if (!feed.isCurrent()) return undefined
      const outcome = served.get(servedKey(workspaceId, wanted))
      return outcome && 'bytes' in outcome ? outcome : undefined
    },
    async serve(wanted, ctx) {
      const key = servedKey(ctx.workspaceId, wanted)
      if (!feed.isCurrent() && !feed.isAway()) await feed.confirm().catch(() => undefined)
      if (feed.isCurrent()) {
        const known = served.get(key)
        if (known) return { served: present(known) }
      }
      const last = served.peek(key)
      if (feed.isAway() && last && 'bytes' in last && feed.age() < staleForMs) return { served: last, staleMs: feed.age() }
      try {
        return { served: present(await served.load(key, () => load(wanted, ctx))) }
      } catch (error) {
        if (isAppError(error, Unavailable) && last && 'bytes' in last && feed.age() < staleForMs) return { served: last, staleMs: feed.age() }
        throw error
      }
    },
  }
}

const present = (outcome: Outcome): Served => {
  if ('absent' in outcome) throw new AppError(outcome.absent.kind, outcome.absent.detail, outcome.absent.extras)
  return outcome
}

const flatten = (pointer: Pointer): Pointer[] => [pointer, ...pointer.includes.flatMap(({ target }) => flatten(target))]
const bodyKey = (workspaceId: string, { checksum }: Pointer): string => `${workspaceId}\n${checksum}`
const tagsFor = (workspaceId: string, wanted: Wanted, promptIds: readonly string[]): string[] => [
  ...('id' in wanted ? [promptTag(workspaceId, wanted.id)] : [nameTag(workspaceId, wanted.category, wanted.name)]),
  ...promptIds.map((id) => promptTag(workspaceId, id)),
]

/** A value from level 2 counts only when it is what its checksum says. */
function verified(text: string, checksum: string): Body | undefined {
  try {
    const body = JSON.parse(text) as Body
    return bodyChecksum(body) === checksum ? body : undefined
  } catch {
    return undefined
  }
}

/** Templates are parsed when they are first filled, not when they are merely served. */
function keepBody(body: Body): Loaded<Compiled> {
  let compiled: Compiled | undefined
  const value: Compiled = {
    body,
    get templates() {
      compiled ??= compileBody(body)
      return compiled.templates
    },
  }
  return { value, tags: [], bytes: JSON.stringify(body).length * 2 }
}

function assemble(pointer: Pointer, compiledOf: (pointer: Pointer) => Compiled): Composition {
  const { id, category, name, version, checksum } = pointer
  const includes = pointer.includes.map(({ edge, target }) => {
    const composition = assemble(target, compiledOf)
    if (typeof composition.compiled.body.content !== 'string')
      throw new AppError(IncludeUnavailable, `"${category}/${name}" includes "${edge.reference}", which is a chat; only texts can be included.`)
    return { edge, target: composition }
  })
  return { entry: { promptId: id, category, name, version, checksum }, compiled: compiledOf(pointer), includes }
}

function finish(pointer: Pointer, composition: Composition, wanted: Wanted): Served {
  const label = labelOf(wanted) ?? null
  const { includes: _includes, formerUntil: _until, ...facts } = pointer
  const view: ServedPrompt = {
    ...(facts as Omit<typeof facts, 'status'> & Pick<ServedPrompt, 'status'>),
    ...composition.compiled.body,
    label,
    includes: manifestOf(composition).slice(1),
  }
  const bytes = Buffer.from(JSON.stringify(view))
  const etag = sha256(bytes).slice(0, 32)
  const pinned = label === null && !followsLabel(pointer)
  return {
    pointer,
    label,
    bytes,
    etag,
    headers: { 'Content-Type': 'application/json; charset=utf-8', ETag: `"${etag}"`, 'Cache-Control': cacheControl(pinned), ...servedHeaders(view) },
  }
}

const followsLabel = (pointer: Pointer): boolean => pointer.includes.some(({ edge, target }) => edge.targetLabel !== null || followsLabel(target))
