/** Where a key comes from: who made it, and which key it took the place of, as ids of principals. */
export type KeyOrigin = Readonly<{ createdBy: string; rotatedFrom: string | null }>

/** Made by the installation itself: whoever was handed such a key is known by it alone. */
const isInstallation = (principal: string): boolean => !/^(key|user):/.test(principal)

/**
 * The person behind a principal, where people are counted and not keys: somebody who logs in is that person, by whichever
 * session; a key is whoever made it, through all the keys that made one another, so nobody becomes two by making keys. A
 * key that the installation made (the bootstrap key, open mode) is a person of its own: whoever it was handed to. A key
 * that took another's place is the same person as that one, unless somebody else than its holder made it and so knows it.
 * @param known the origins of all keys that are met on the way
 * @returns an id to compare by
 */
export function personBehind(principal: string, known: ReadonlyMap<string, KeyOrigin>): string {
  const seen = new Set<string>()
  for (let at = principal; ; ) {
    const origin = known.get(at)
    if (!origin || seen.has(at)) return at
    seen.add(at)
    const { createdBy, rotatedFrom } = origin
    if (!isInstallation(createdBy)) at = createdBy
    else if (rotatedFrom) at = rotatedFrom
    else return at
  }
}
