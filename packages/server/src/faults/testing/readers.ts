import { type Asked, askerOf } from './ask.ts'

/** Clients that make one call again and again until they are stopped. */
export function startReaders(url: () => string, path: string, clients = 4): { answers: Asked[]; stop(): Promise<void> } {
  const answers: Asked[] = []
  let stopped = false
  const running = Array.from({ length: clients }, async () => {
    const ask = askerOf(url)
    while (!stopped) {
      answers.push(await ask('GET', path))
      await new Promise((resolve) => setTimeout(resolve, 5)) // a bounded load: the machine has other things to do
    }
  })
  return {
    answers,
    async stop() {
      stopped = true
      await Promise.all(running)
    },
  }
}

export const slowestOf = (answers: readonly Asked[]): number => Math.round(Math.max(...answers.map(({ tookMs }) => tookMs)))
/** Each status with how often it came. */
export const tally = (answers: readonly Asked[]): Record<string, number> => {
  const counts: Record<string, number> = {}
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1
  return counts
}
