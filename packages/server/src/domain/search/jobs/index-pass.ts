import type { Db } from '../../../core/db.ts'
import { appendEvents, feedHead, placedEvents } from '../../../core/outbox.ts'
import { rebuildRequested } from '../model/events.ts'
import type { Neighbours, PromptKey } from '../neighbours.ts'
import { forgetRedacted, saveDocuments } from '../store/documents.ts'
import '../tables.ts'

/** Of the way documents are made: a higher one than the database has makes all of them anew. */
const indexVersion = 1
/** Documents and events in one transaction. */
const batch = 100
const eventsAtOnce = 1_000

export type Pass = Readonly<{
  /** Documents that were looked at. */
  documents: number
  /** There is more to do at once. */
  more: boolean
  /** The newest position of the feed then. */
  head: number
  /** When the oldest change happened that this pass brought in; undefined when it followed none. */
  since: string | undefined
}>

type Sources = Pick<Neighbours<never>, 'sources' | 'keys'>
type Progress = Readonly<{ position: number; walking: boolean; after: PromptKey | undefined }>

/**
 * One step of the indexer, in one transaction: whatever fails, the position stays where the documents are. Documents are
 * made of the present state, so that doing it twice does no harm.
 * @param db across workspaces
 * @returns undefined while another instance is at it
 */
export async function indexPass(db: Db, { sources, keys }: Sources): Promise<Pass | undefined> {
  const row = await db.selectFrom('searchProgress').selectAll().forUpdate().skipLocked().executeTakeFirst()
  if (!row) return undefined
  const head = await feedHead(db)
  const restarted = row.indexVersion < indexVersion
  const progress: Progress = {
    position: restarted ? head : row.position,
    walking: restarted || row.walking,
    after: !restarted && row.walkWorkspace && row.walkPrompt ? { workspaceId: row.walkWorkspace, id: row.walkPrompt } : undefined,
  }
  const followed = await changedSince(db, progress.position)
  const room = progress.walking ? batch - followed.keys.length : 0
  const walked = room > 0 ? await keys(db, progress.after, room) : []
  const wanted = [...followed.keys, ...walked]
  await bring(db, wanted, sources)
  for (const { workspaceId, id } of followed.redacted) await forgetRedacted(db, workspaceId, id)
  const walking = progress.walking && (room <= 0 || walked.length === room)
  const last = walked.at(-1) ?? progress.after
  await db
    .updateTable('searchProgress')
    .set({
      position: followed.position,
      indexVersion: Math.max(row.indexVersion, indexVersion),
      walking,
      walkWorkspace: last?.workspaceId ?? null,
      walkPrompt: last?.id ?? null,
    })
    .execute()
  return { documents: wanted.length, more: walking || followed.more, head, since: followed.since }
}

type Changed = Readonly<{ keys: PromptKey[]; redacted: PromptKey[]; position: number; more: boolean; since: string | undefined }>

/** Prompts that events after a position are about, each once, those that lost a text for good, and the position up to which that is all. */
async function changedSince(db: Db, position: number): Promise<Changed> {
  const events = await placedEvents(db, { after: position, limit: eventsAtOnce })
  const keys = new Map<string, PromptKey>()
  const redacted: PromptKey[] = []
  const since = events[0]?.createdAt
  for (const event of events) {
    if (keys.size >= batch) return { keys: [...keys.values()], redacted, position: event.position - 1, more: true, since }
    const key = { workspaceId: event.workspaceId, id: event.subject }
    if (event.type.startsWith('prompt.')) keys.set(event.subject, key)
    if (event.type === 'prompt.redacted') redacted.push(key)
  }
  return { keys: [...keys.values()], redacted, position: events.at(-1)?.position ?? position, more: events.length === eventsAtOnce, since }
}

async function bring(db: Db, keys: readonly PromptKey[], sourcesOf: Sources['sources']): Promise<void> {
  if (keys.length === 0) return
  const sources = await sourcesOf(db, keys)
  for (const [workspaceId, own] of Map.groupBy(keys, (key) => key.workspaceId)) {
    const ids = [...new Set(own.map(({ id }) => id))]
    await saveDocuments(
      db,
      workspaceId,
      ids,
      sources.filter((source) => source.workspaceId === workspaceId),
    )
  }
}

/** Let the index be made anew, beside what it goes on answering. @param db across workspaces */
export async function rebuildIndex(db: Db, by: { workspaceId: string; actor: string; requestId: string; at: string }): Promise<void> {
  await db.updateTable('searchProgress').set({ indexVersion: 0 }).execute()
  await appendEvents(db, [rebuildRequested(by.workspaceId, {})], { ...by, explicitWorkspace: true })
}
