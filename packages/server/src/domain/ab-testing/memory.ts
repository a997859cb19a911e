import type { Assignable } from '@prompt-store/assignment'
import { LRUCache } from 'lru-cache'
import { atMost } from '../../core/at-most.ts'
import type { Ctx } from '../../core/context.ts'
import type { Db } from '../../core/db.ts'
import type { FeedEvent } from '../../core/events.ts'
import type { Feed } from '../../core/feed/feed.ts'
import { keepByFeed } from '../../core/feed/keeping.ts'
import { control, currentPhase, type Experiment, type Variant } from './model/experiment.ts'
import { findByName, type Going, listRunning } from './queries/tests.ts'
import { experimentStore } from './store/experiments.ts'
import { promptsOf } from './store/prompts.ts'

/** An arm as it is served. */
export type Arm = Variant & Readonly<{ index: number; isAvailable: boolean }>
/** A test as it is remembered: with all that an assignment needs. */
export type Remembered = Readonly<{
  test: Experiment
  assignable: Assignable
  phase: number
  /** Of the control's prompt, by which callers are limited. */
  category: string
  arms: ReadonlyMap<string, Arm>
  /** What answers begin with, by variant and reason: written once. */
  told: Map<string, string>
}>

export type TestMemory = Readonly<{
  find(id: string, ctx: Ctx): Promise<Remembered | undefined>
  /** From memory alone, while the feed is current: for the hot path. */
  peek(workspaceId: string, id: string): Remembered | undefined
  /** The running tests of the caller's workspace, the newest first. */
  running(ctx: Ctx): Promise<readonly Going[]>
  /** The tests of a name: those that run, the newest start first, then the others, the newest first; some at most. Asks the database. */
  named(name: string, ctx: Ctx): Promise<readonly string[]>
}>

const mostTests = 10_000
const promptChanges = new Set(['prompt.deleted', 'prompt.restored', 'prompt.status_changed', 'prompt.updated'])
const concerns = ({ type }: FeedEvent): boolean => type.startsWith('ab_test.') || promptChanges.has(type)

/** What an instance remembers of tests, as long as the feed tells of no change of them or of their prompts. */
export function createTestMemory(feed: Feed): TestMemory {
  const known = new LRUCache<string, Remembered>(atMost(mostTests))
  const running = new LRUCache<string, readonly Going[]>(atMost(1_000))
  const keyOf = (workspaceId: string, id: string) => `${workspaceId} ${id}`
  const keeping = keepByFeed(feed, concerns, (changed) => {
    if (!changed) {
      known.clear()
      running.clear()
      return
    }
    const prompts = new Set<string>()
    for (const { type, workspaceId, subject } of changed)
      if (promptChanges.has(type)) prompts.add(keyOf(workspaceId, subject))
      else {
        known.delete(keyOf(workspaceId, subject))
        running.delete(workspaceId)
      }
    if (prompts.size > 0) forgetThoseWith(prompts)
  })
  const forgetThoseWith = (prompts: ReadonlySet<string>) => {
    for (const [key, { test }] of [...known.entries()])
      if (test.variants.some(({ promptId }) => prompts.has(keyOf(key.split(' ', 1)[0]!, promptId)))) known.delete(key)
  }

  return {
    peek: (workspaceId, id) => (feed.isCurrent() ? known.get(keyOf(workspaceId, id)) : undefined),
    async find(id, ctx) {
      await keeping.refresh()
      const key = keyOf(ctx.workspaceId, id)
      return (
        known.get(key) ??
        keeping.ask(
          () => ctx.readAll((db) => load(db, id)),
          (answer) => answer && known.set(key, answer),
        )
      )
    },
    async running(ctx) {
      await keeping.refresh()
      return (
        running.get(ctx.workspaceId) ??
        keeping.ask(
          () => ctx.readAll(listRunning),
          (answer) => running.set(ctx.workspaceId, answer),
        )
      )
    },
    named: (name, ctx) => ctx.readAll((db) => findByName(db, name)),
  }
}

async function load(db: Db, id: string): Promise<Remembered | undefined> {
  const test = await experimentStore(db).find(id)
  if (!test) return undefined
  const prompts = await promptsOf(db, test)
  const isAvailable = ({ promptId }: Variant): boolean => {
    const prompt = prompts.get(promptId)
    return prompt !== undefined && !prompt.deleted && prompt.status !== 'archived'
  }
  return {
    test,
    assignable: { ...test, sticky: false }, // what a sticky unit has seen is looked up here
    phase: currentPhase(test)?.n ?? 0,
    category: prompts.get(control(test).promptId)?.category ?? '',
    arms: new Map(test.variants.map((variant, index) => [variant.key, { ...variant, index, isAvailable: isAvailable(variant) }])),
    told: new Map(),
  }
}
