import { LRUCache } from 'lru-cache'

/** What an answer was made of, and when: for the question whether a write of our own came after. */
export type Made = Readonly<{
  /** `tick()` when its request began. */
  tick: number
  /** The prompt and all that it includes; empty when that is not known. */
  promptIds: readonly string[]
  /** Found by an address that is not its present one, so another prompt may take it. */
  byFormerName: boolean
}>

/**
 * What this client itself has written: the token to send with reads, and which of the answers it keeps are older than
 * that. Writes to one prompt outdate what shows that prompt; writes whose reach is not known outdate everything.
 */
export type OwnWrites = Readonly<{
  /** The `X-Consistency-Token` of the last write that was answered. */
  token(): string | undefined
  /** A number that grows with every write. */
  tick(): number
  /** @param promptId the prompt it changed; undefined: it may be any */
  wrote(promptId: string | undefined, token: string | undefined): void
  /** True when this client has written since, and the answer may not show it. */
  outdates(made: Made): boolean
}>

export function createOwnWrites(): OwnWrites {
  const byPrompt = new LRUCache<string, number>({
    max: 10_000,
    // A write that is forgotten counts as one to any prompt.
    dispose: (at, _id, reason) => {
      if (reason === 'evict') toAny = Math.max(toAny, at)
    },
  })
  let token: string | undefined
  let tick = 0
  let last = 0
  let toAny = 0
  return {
    token: () => token,
    tick: () => tick,
    wrote(promptId, given) {
      last = ++tick
      if (promptId === undefined) toAny = last
      else byPrompt.set(promptId, last)
      token = given ?? token
    },
    outdates({ tick: since, promptIds, byFormerName }) {
      if (toAny > since || (byFormerName && last > since)) return true
      return promptIds.some((id) => (byPrompt.get(id) ?? 0) > since)
    },
  }
}
