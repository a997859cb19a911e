export const queueName = 'bench.nothing'
export const rivalSchema = 'bare_pgboss'
/** Jobs that the rival takes at once: the most that ours does. */
export const batch = 200
/** What a process has done: milliseconds since 1970 of the first and the last. */
export type Tally = Readonly<{ count: number; first: number; last: number }>
