import type { Db } from '../../../core/db.ts'
import type { Encoder } from '../../../core/encoder.ts'
import { createPace } from '../../../core/feed/pace.ts'
import { createLoop, type Work } from '../../../core/loop.ts'
import type { Neighbours } from '../neighbours.ts'
import { redoOtherModels } from '../store/vectors.ts'
import { embedPass } from './embed-pass.ts'
import { indexPass } from './index-pass.ts'

export type Following = Readonly<{ start(): void; stop(): Promise<void> }>

type Parts = Readonly<{
  /** One transaction across workspaces. */
  within<T>(work: (db: Db) => Promise<T>): Promise<T>
  feed: Readonly<{
    /** Called whenever the feed has moved. */
    onSignal(listener: () => void): void
    /** The newest position that this instance knows. */
    position(): number
  }>
  encoder: Encoder | undefined
  neighbours: Pick<Neighbours<never>, 'sources' | 'keys'>
  now: () => string
  log(message: string, details?: object): void
}>

/** While many write the indexer stands back for them, and no vectors are made. */
const limits = { busyPerSecond: 50, sampleMs: 50, busyRest: 30, behindRest: 9, behindMs: 30_000, longestRestMs: 2_000 }
/** While another instance has the index, and between looks at a feed that told nothing. No query is made for nothing. */
const lookMs = 1_000

/** Follow the change feed in the background: first the words, then the vectors. One indexer works per cluster, wherever. */
export function createFollowing({ within, feed, encoder, neighbours, now, log }: Parts): Following {
  let seen = -1
  const pace = createPace(limits, now)
  let prepared = encoder === undefined

  const index = async (): Promise<Work> => {
    const startedAt = performance.now()
    const position = feed.position()
    const pass = await within((db) => indexPass(db, neighbours))
    if (!pass) return { more: true, restMs: lookMs }
    pace.note(pass.head)
    seen = Math.max(position, pass.head)
    if (pass.documents > 0) loops.embed.wake()
    return { more: pass.more, restMs: pace.restMs(performance.now() - startedAt, pass.since) }
  }
  const embed = async (): Promise<Work> => {
    if (!encoder) return { more: false, restMs: 0 }
    if (pace.isBusy()) return { more: true, restMs: lookMs }
    if (!prepared) {
      const count = await within((db) => redoOtherModels(db, encoder.model))
      if (count > 0) log('vectors of another encoder are made again', { count, model: encoder.model })
      prepared = true
    }
    const startedAt = performance.now()
    const done = await embedPass(within, encoder, neighbours)
    return { more: done > 0, restMs: Math.min(limits.longestRestMs, performance.now() - startedAt) }
  }
  const loops = {
    index: createLoop(index, (error) => log('the search index cannot follow just now', { err: error })),
    embed: createLoop(embed, (error) => log('vectors cannot be made just now', { error: error.message })),
  }
  const look = () => {
    if (feed.position() > seen) loops.index.wake()
  }
  feed.onSignal(() => loops.index.wake())
  let timer: NodeJS.Timeout | undefined
  return {
    start() {
      loops.index.start()
      loops.embed.start()
      timer = setInterval(look, lookMs).unref()
    },
    async stop() {
      clearInterval(timer)
      await Promise.all([loops.index.stop(), loops.embed.stop()])
    },
  }
}
