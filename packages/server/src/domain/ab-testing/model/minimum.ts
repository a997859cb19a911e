const ratio = (Math.sqrt(5) - 1) / 2

/** Where a function with one minimum has it in [low, high], by golden-section search; to about 1e-8 of the interval. */
export function minimum(f: (x: number) => number, low: number, high: number): number {
  let [from, to] = [low, high]
  let [x1, x2] = [to - ratio * (to - from), from + ratio * (to - from)]
  let [f1, f2] = [f(x1), f(x2)]
  for (let i = 0; i < 60 && to - from > 1e-14 * Math.abs(to); i++) {
    if (f1 <= f2) {
      ;[to, x2, f2, x1] = [x2, x1, f1, x2 - ratio * (x2 - from)]
      f1 = f(x1)
    } else {
      ;[from, x1, f1, x2] = [x1, x2, f2, x1 + ratio * (to - x1)]
      f2 = f(x2)
    }
  }
  return (from + to) / 2
}
