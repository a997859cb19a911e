const watchMs = 1_000
/** By so much the clock must fall behind. Milliseconds. */
const jumpMs = 5_000
/** Also without a jump seen here, times of another instance's clock are looked after this often. Milliseconds. */
const regularlyMs = 60_000

/**
 * Notice that the clock was set back: by what passed on a clock that never is.
 * @param now RFC 3339
 * @param setBack told of a jump, and once a minute in any case
 */
export function watchClock(now: () => string, setBack: () => Promise<void>): Readonly<{ start(): void; stop(): void }> {
  let timer: NodeJS.Timeout | undefined
  let last = { wall: Date.parse(now()), steady: performance.now() }
  let lookedAt = performance.now()
  const look = () => {
    const present = { wall: Date.parse(now()), steady: performance.now() }
    const jumped = present.wall - last.wall < present.steady - last.steady - jumpMs
    last = present
    if (!jumped && present.steady - lookedAt < regularlyMs) return
    lookedAt = present.steady
    setBack().catch(() => undefined) // the next look will
  }
  return {
    start() {
      timer = setInterval(look, watchMs).unref()
    },
    stop: () => clearInterval(timer),
  }
}
