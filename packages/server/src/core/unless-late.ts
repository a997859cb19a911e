/**
 * What some work comes to, or what stands in for it once it has taken longer than so long. The work itself goes on.
 * @param ms from now; the timer is gone at the end, whichever was first
 * @param late what it comes to then, nothing unless it is told; may throw
 */
export async function unlessLate<T, Late = undefined>(
  ms: number,
  work: Promise<T>,
  late: () => Late = () => undefined as Late,
): Promise<T | Late> {
  const time = Promise.withResolvers<void>()
  const timer = setTimeout(time.resolve, ms)
  try {
    return await Promise.race([work, time.promise.then(late)])
  } finally {
    clearTimeout(timer)
  }
}
