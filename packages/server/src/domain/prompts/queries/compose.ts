import type { Cache, Loaded, SharedCache } from '../../../core/cache.ts'
import type { Ctx } from '../../../core/context.ts'
import { AppError } from '../../../core/errors.ts'
import { bodyChecksum } from '../model/checksum.ts'
import { type Compiled, type Composition, compileBody, type Part } from '../model/composition.ts'
import { IncludeUnavailable } from '../model/failures.ts'
import { nodeKey } from '../model/includes.ts'
import type { Body, ManifestEntry } from '../model/shapes.ts'
import { findBodies, type Pointer } from './served.ts'

/** Bodies never change, so they are kept under their checksum: parsed in level 1, as JSON in level 2. */
export type BodyCaches = Readonly<{ bodies: Cache<Compiled>; shared: SharedCache }>

/** Makes of a pointer what is needed to serve and fill it. @returns a function that throws IncludeUnavailable (409) when a chat is included */
export function createComposer({ bodies, shared }: BodyCaches): (pointer: Pointer, ctx: Ctx) => Promise<Composition> {
  return async (pointer, ctx) => {
    const entries = [...pointer.parts.values()].map(({ entry }) => entry)
    const compiled = new Map<string, Compiled>()
    for (const { checksum } of entries) {
      const known = bodies.get(bodyKey(ctx.workspaceId, checksum))
      if (known) compiled.set(checksum, known)
    }
    const missing = entries.filter(({ checksum }) => !compiled.has(checksum))
    const loaded = missing.length > 0 ? await loadBodies(missing, shared, ctx) : []
    for (const [checksum, body] of loaded)
      compiled.set(checksum, await bodies.load(bodyKey(ctx.workspaceId, checksum), async () => keepBody(body)))
    return assemble(pointer, compiled)
  }
}

/** Level 2 first, each value checked against its checksum; the rest in one query. @returns bodies by checksum */
async function loadBodies(missing: readonly ManifestEntry[], shared: SharedCache, ctx: Ctx): Promise<Map<string, Body>> {
  const found = new Map<string, Body>()
  const key = ({ checksum }: ManifestEntry) => bodyKey(ctx.workspaceId, checksum)
  const texts = await shared.getMany(missing.map(key))
  texts.forEach((text, i) => {
    const body = text === undefined ? undefined : verified(text, missing[i]!.checksum)
    if (body) found.set(missing[i]!.checksum, body)
  })
  const rest = missing.filter(({ checksum }) => !found.has(checksum))
  if (rest.length === 0) return found
  const stored = await ctx.readAll((db) => findBodies(db, rest))
  for (const { promptId, version, checksum } of rest) found.set(checksum, stored.get(nodeKey(promptId, version))!)
  shared.setMany(rest.map((entry) => ({ key: key(entry), value: JSON.stringify(found.get(entry.checksum)) })))
  return found
}

export const bodyKey = (workspaceId: string, checksum: string): string => `${workspaceId}\n${checksum}`

/** A value from level 2 counts only when it is what its checksum says, and only the fields that the checksum covers. */
function verified(text: string, checksum: string): Body | undefined {
  try {
    const { type, engine, content, variables, config } = JSON.parse(text) as Body
    const body = { type, engine, content, variables, config }
    return bodyChecksum(body) === checksum ? body : undefined
  } catch {
    return undefined
  }
}

const keepBody = (body: Body): Loaded<Compiled> => ({ value: compileBody(body), tags: [], bytes: JSON.stringify(body).length * 2 })

function assemble(pointer: Pointer, compiled: ReadonlyMap<string, Compiled>): Composition {
  const parts = new Map(
    [...pointer.parts].map(([key, { entry, links }]): [string, Part] => [key, { entry, links, compiled: compiled.get(entry.checksum)! }]),
  )
  const [root, ...included] = [...parts.values()] as [Part, ...Part[]]
  const chat = included.find((part) => typeof part.compiled.body.content !== 'string')
  if (chat)
    throw new AppError(
      IncludeUnavailable,
      `"${pointer.category}/${pointer.name}" includes "${chat.entry.category}/${chat.entry.name}", which is a chat; only texts can be included.`,
    )
  return { root, parts }
}
