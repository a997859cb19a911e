/** Values that one series may have: the work is at most the square of it. */
export const mostValues = 500
/** A level lasts for at least so many values: less is an outlier. */
const shortestLevel = 3

const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2
}

/**
 * The standard deviation of noise around levels that sometimes change: 1.4826 times the median absolute difference of
 * neighbours, over √2, which a few steps do not move; where most neighbours are equal by the mean difference.
 */
function noise(values: readonly number[], weights: readonly number[]): number {
  const steps = values.slice(1).map((value, i) => Math.abs(value - values[i]!) / Math.sqrt(1 / weights[i + 1]! + 1 / weights[i]!))
  const usual = 1.4826 * median(steps)
  return usual > 0 ? usual : (1.2533 * steps.reduce((sum, step) => sum + step, 0)) / steps.length
}

/** Sums before each value, so that what a piece costs is told at once. */
function sumsOf(values: readonly number[], weights: readonly number[]) {
  const [w, wx, wxx] = [[0], [0], [0]]
  for (const [i, value] of values.entries()) {
    w.push(w[i]! + weights[i]!)
    wx.push(wx[i]! + weights[i]! * value)
    wxx.push(wxx[i]! + weights[i]! * value * value)
  }
  /** The weighted squares around the mean of values from..to - 1. */
  return (from: number, to: number): number => {
    const sum = wx[to]! - wx[from]!
    return Math.max(0, wxx[to]! - wxx[from]! - (sum * sum) / (w[to]! - w[from]!))
  }
}

/** The weighted squares around the straight line through all values. */
function aroundLine(values: readonly number[], weights: readonly number[]): number {
  const total = weights.reduce((sum, w) => sum + w, 0)
  const mean = (of: (i: number) => number) => weights.reduce((sum, w, i) => sum + w * of(i), 0) / total
  const [x, y] = [mean((i) => i), mean((i) => values[i]!)]
  const [xx, xy, yy] = [mean((i) => (i - x) ** 2), mean((i) => (i - x) * (values[i]! - y)), mean((i) => (values[i]! - y) ** 2)]
  return total * Math.max(0, yy - (xx === 0 ? 0 : (xy * xy) / xx))
}

/** PELT: the cheapest way to cut, by the ends of the pieces. @param cost of a piece; `penalty` of a cut */
function segment(n: number, cost: (from: number, to: number) => number, penalty: number): { cuts: number[]; total: number } {
  const best = [-penalty, ...Array(n).fill(Number.POSITIVE_INFINITY)] as number[]
  const last: number[] = Array(n + 1).fill(0)
  let candidates = [0]
  for (let to = shortestLevel; to <= n; to++) {
    for (const from of candidates) {
      const total = best[from]! + cost(from, to) + penalty
      if (total < best[to]!) {
        best[to] = total
        last[to] = from
      }
    }
    candidates = candidates.filter((from) => best[from]! + cost(from, to) <= best[to]!)
    const next = to + 1 - shortestLevel
    if (next >= shortestLevel) candidates.push(next)
  }
  const cuts: number[] = []
  for (let at = last[n]!; at > 0; at = last[at]!) cuts.unshift(at)
  return { cuts, total: best[n]! }
}

/**
 * Where the level of a series changes: PELT (Killick, Fearnhead, Eckley: Optimal Detection of Changepoints With a Linear
 * Computational Cost, JASA 2012) for the mean of normal values, with a robust estimate of the noise and the penalty 3 ln n
 * of the modified BIC (Zhang, Siegmund, Biometrics 2007), which is raised by 20/n since few values tell the noise badly: so
 * white noise has a change-point in less than 5 % of cases. Where a straight line tells the series as well as the levels do,
 * there is a slope and no step.
 * @param values at most 500, equally far apart
 * @param weights > 0, in proportion to what each value is made of; all 1 unless told
 * @returns the indices, ascending, at which a new level begins; none for fewer than 8 values
 */
export function changePoints(values: readonly number[], weights: readonly number[] = values.map(() => 1)): number[] {
  const n = values.length
  if (n > mostValues) throw new RangeError(`at most ${mostValues} values`)
  if (n < 8) return []
  const middle = median(values)
  const centred = values.map((value) => value - middle) // squares of large numbers would lose the small differences
  const variance = noise(centred, weights) ** 2
  if (!(variance > 0)) return []
  const squares = sumsOf(centred, weights)
  const penalty = 3 * Math.log(n) * (1 + 20 / n)
  const { cuts, total } = segment(n, (from, to) => squares(from, to) / variance, penalty)
  return cuts.length > 0 && aroundLine(centred, weights) / variance + penalty <= total ? [] : cuts
}
