/** Attempts of one principal at one endpoint without one permission, counted. */
export type Refusal = Readonly<{
  workspaceId: string
  actor: string
  endpoint: string
  permission: string
  count: number
  firstAt: string
  lastAt: string
  /** Of the last one. */
  requestId: string
}>
export type Attempt = Pick<Refusal, 'workspaceId' | 'actor' | 'endpoint' | 'permission' | 'requestId'> & Readonly<{ at: string }>

const keyOf = (r: Pick<Refusal, 'workspaceId' | 'actor' | 'endpoint' | 'permission'>): string =>
  [r.workspaceId, r.actor, r.endpoint, r.permission].join('\n')

const joined = (a: Refusal, b: Refusal): Refusal => ({
  ...(a.lastAt > b.lastAt ? a : b),
  count: a.count + b.count,
  firstAt: a.firstAt < b.firstAt ? a.firstAt : b.firstAt,
})

/** A tally of refused attempts in bounded memory. Beyond `max` kinds the further ones are counted as one for each workspace. */
export function createTally(max: number) {
  let kinds = new Map<string, Refusal>()
  const add = (refusal: Refusal) => {
    const known = kinds.has(keyOf(refusal)) || kinds.size < max
    const counted = known ? refusal : { ...refusal, actor: 'several', endpoint: 'several', permission: 'several' }
    const before = kinds.get(keyOf(counted))
    kinds.set(keyOf(counted), before ? joined(before, counted) : counted)
  }
  return {
    add: ({ at, ...attempt }: Attempt) => add({ ...attempt, count: 1, firstAt: at, lastAt: at }),
    /** Put back what could not be written. */
    restore: (refusals: readonly Refusal[]) => {
      for (const refusal of refusals) add(refusal)
    },
    /** What was counted so far; the count begins anew. */
    take(): Refusal[] {
      const taken = [...kinds.values()]
      kinds = new Map()
      return taken
    },
  }
}
