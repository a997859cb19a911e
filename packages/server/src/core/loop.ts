/** What one run did: whether there is more, and how long to rest before the next. Milliseconds. */
export type Work = Readonly<{ more: boolean; restMs: number }>

export type Loop = Readonly<{ start(): void; wake(): void; stop(): Promise<void> }>

/** After a failure it waits this long, twice as long after each further one. Milliseconds. */
const failedMs = 1_000
const longestMs = 60_000

/** Run when woken and, after rests, as long as there is more; never twice at a time. */
export function createLoop(run: () => Promise<Work>, failed: (error: Error) => void): Loop {
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | undefined
  let stopped = true
  let woken = false
  let restUntil = 0
  let failures = 0

  const schedule = () => {
    if (stopped || running || timer) return
    timer = setTimeout(
      () => {
        timer = undefined
        running = once().finally(() => {
          running = undefined
          if (woken) schedule()
        })
      },
      Math.max(1, restUntil - performance.now()),
    )
    timer.unref()
  }
  const once = async () => {
    woken = false
    try {
      const { more, restMs } = await run()
      failures = 0
      restUntil = performance.now() + restMs
      woken ||= more
    } catch (error) {
      restUntil = performance.now() + Math.min(longestMs, failedMs * 2 ** failures++)
      woken = true
      if (!stopped) failed(error as Error)
    }
  }
  return {
    start() {
      stopped = false
      schedule()
    },
    wake() {
      woken = true
      schedule()
    },
    async stop() {
      stopped = true
      clearTimeout(timer)
      await running
    },
  }
}
