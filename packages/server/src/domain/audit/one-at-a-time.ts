/** The same work, each run after the one before has ended, however it ended. */
export function oneAtATime<T>(work: () => Promise<T>): () => Promise<T> {
  let tail: Promise<unknown> = Promise.resolve()
  return () => {
    const run = tail.then(work)
    tail = run.catch(() => undefined)
    return run
  }
}
