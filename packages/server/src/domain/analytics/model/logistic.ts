/** What is learnt from: features, and how often it succeeded. `group`: rows that belong together are left out together. */
export type Row = Readonly<{ group: string; features: readonly number[]; successes: number; uses: number }>
export type Logistic = Readonly<{ means: readonly number[]; scales: readonly number[]; weights: readonly number[] }>

/** Of one row at most so many uses count: uses of one version are alike, and must not drown the others. */
const mostUses = 100
const ridge = 5
const rounds = 12

export const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x))

/** Solve a symmetric positive definite system by Cholesky's decomposition. */
export function solve(matrix: readonly (readonly number[])[], right: readonly number[]): number[] {
  const n = right.length
  const l = matrix.map((row) => [...row])
  for (let j = 0; j < n; j++) {
    for (let k = 0; k < j; k++) for (let i = j; i < n; i++) l[i]![j]! -= l[i]![k]! * l[j]![k]!
    const root = Math.sqrt(l[j]![j]!)
    for (let i = j; i < n; i++) l[i]![j]! /= root
  }
  const y = [...right]
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) y[i]! -= l[i]![k]! * y[k]!
    y[i]! /= l[i]![i]!
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) y[i]! -= l[k]![i]! * y[k]!
    y[i]! /= l[i]![i]!
  }
  return y
}

const standardised = ({ means, scales }: Pick<Logistic, 'means' | 'scales'>, features: readonly number[]): number[] => [
  1,
  ...features.map((x, i) => (x - means[i]!) / scales[i]!),
]

/** One step of Newton's method. */
function improved(weights: readonly number[], xs: readonly (readonly number[])[], rows: readonly Row[]): number[] {
  const d = weights.length
  const gradient = weights.map((w, i) => (i === 0 ? 0 : -ridge * w))
  const hessian = weights.map((_, i) => weights.map((_, j) => (i === j ? (i === 0 ? 1e-6 : ridge) : 0)))
  for (const [r, row] of rows.entries()) {
    const x = xs[r]!
    const n = Math.min(mostUses, row.uses)
    const p = sigmoid(weights.reduce((sum, w, i) => sum + w * x[i]!, 0))
    const [residual, curve] = [n * (row.successes / row.uses - p), Math.max(1e-6, n * p * (1 - p))]
    for (let i = 0; i < d; i++) {
      gradient[i]! += residual * x[i]!
      for (let j = 0; j < d; j++) hessian[i]![j]! += curve * x[i]! * x[j]!
    }
  }
  return solve(hessian, gradient).map((step, i) => weights[i]! + Math.max(-2, Math.min(2, step)))
}

/** Logistic regression with a ridge penalty on standardised features, by Newton's method (IRLS; Hastie, Tibshirani, Friedman, The Elements of Statistical Learning, 4.4). The same rows give the same weights. */
export function train(rows: readonly Row[]): Logistic {
  const d = rows[0]!.features.length
  const means = Array.from({ length: d }, (_, i) => rows.reduce((sum, row) => sum + row.features[i]!, 0) / rows.length)
  const scales = means.map((mean, i) => Math.sqrt(rows.reduce((sum, row) => sum + (row.features[i]! - mean) ** 2, 0) / rows.length) || 1)
  const xs = rows.map((row) => standardised({ means, scales }, row.features))
  let weights: number[] = Array(d + 1).fill(0)
  for (let round = 0; round < rounds; round++) weights = improved(weights, xs, rows)
  return { means, scales, weights }
}

/** The success rate that a model expects, 0 to 1. */
export const expected = (model: Logistic, features: readonly number[]): number =>
  sigmoid(standardised(model, features).reduce((sum, x, i) => sum + x * model.weights[i]!, 0))

export type Calibration = Readonly<{
  brier: number
  baseBrier: number
  bins: { from: number; to: number; uses: number; predicted: number; observed: number }[]
}>

/**
 * How good predictions are for groups that were left out of the training: the Brier score of single uses (Brier, Monthly
 * Weather Review 1950; 0 is best), beside that of telling everybody the others' mean, and what came true of each fifth.
 */
export function leaveOneOut(rows: readonly Row[]): Calibration {
  const groups = Map.groupBy(rows, ({ group }) => group)
  const told = [...groups].flatMap(([group, own]) => {
    const others = rows.filter((row) => row.group !== group)
    const model = train(others)
    const uses = others.reduce((sum, row) => sum + row.uses, 0)
    const mean = others.reduce((sum, row) => sum + row.successes, 0) / uses
    return own.map((row) => ({ row, mean, predicted: expected(model, row.features), observed: row.successes / row.uses }))
  })
  const all = told.reduce((sum, { row }) => sum + row.uses, 0)
  const score = (of: (one: (typeof told)[number]) => number) =>
    told.reduce((sum, one) => sum + one.row.uses * ((of(one) - one.observed) ** 2 + one.observed * (1 - one.observed)), 0) / all
  const bins = [0, 1, 2, 3, 4].flatMap((n) => {
    const own = told.filter(({ predicted }) => Math.min(4, Math.floor(predicted * 5)) === n)
    const uses = own.reduce((sum, { row }) => sum + row.uses, 0)
    if (uses === 0) return []
    const mean = (of: (one: (typeof told)[number]) => number) => own.reduce((sum, one) => sum + one.row.uses * of(one), 0) / uses
    return [{ from: n / 5, to: (n + 1) / 5, uses, predicted: mean((one) => one.predicted), observed: mean((one) => one.observed) }]
  })
  return { brier: score(({ predicted }) => predicted), baseBrier: score(({ mean }) => mean), bins }
}
