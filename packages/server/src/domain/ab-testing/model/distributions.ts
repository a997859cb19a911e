import betaln from '@stdlib/math-base-special-betaln'
import gammainc from '@stdlib/math-base-special-gammainc'
import beta_cdf from '@stdlib/stats-base-dists-beta-cdf'
import beta_pdf from '@stdlib/stats-base-dists-beta-pdf'
import beta_quantile from '@stdlib/stats-base-dists-beta-quantile'
import normal_cdf from '@stdlib/stats-base-dists-normal-cdf'
import normal_quantile from '@stdlib/stats-base-dists-normal-quantile'
import t_cdf from '@stdlib/stats-base-dists-t-cdf'
import t_quantile from '@stdlib/stats-base-dists-t-quantile'

/** Φ(x), right in the lower tail too; for the upper tail take Φ(−x) rather than 1 − Φ(x). */
export const normalCdf = (x: number): number => normal_cdf(x, 0, 1)
/** φ(x). */
export const normalPdf = (x: number): number => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)
/** Φ⁻¹(p), p in [0, 1]. */
export const normalQuantile = (p: number): number => normal_quantile(p, 0, 1)
/** z that a test at level alpha needs, by its number of sides: Φ⁻¹(1 − alpha/sides), taken from the lower tail. */
export const criticalZ = (alpha: number, sides: 1 | 2 = 2): number => -normalQuantile(alpha / sides)

/** F_t(x) with `df` > 0 degrees of freedom. */
export const tCdf = (x: number, df: number): number => t_cdf(x, df)
/** The t that a test at level alpha needs: F_t⁻¹(1 − alpha/sides), taken from the lower tail. */
export const criticalT = (alpha: number, df: number, sides: 1 | 2 = 2): number => -t_quantile(alpha / sides, df)

/** P(χ² with `df` > 0 degrees of freedom is above x ≥ 0) = Q(df/2, x/2), as an upper tail: 1 − cdf is 0 long before. */
export const chiSquareUpperTail = (x: number, df: number): number => gammainc(x / 2, df / 2, true, true)

/** I_x(a, b), the distribution function of Beta(a, b) at x in [0, 1]. */
export const betaCdf = (x: number, a: number, b: number): number => beta_cdf(x, a, b)
export const betaPdf = (x: number, a: number, b: number): number => beta_pdf(x, a, b)
export const betaQuantile = (p: number, a: number, b: number): number => beta_quantile(p, a, b)
/** ln B(a, b). */
export const logBeta = (a: number, b: number): number => betaln(a, b)
