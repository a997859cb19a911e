import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { AppError } from '../../../core/errors.ts'
import { PromptNotFound, promptFacts, type VersionShape, versionShapes } from '../../prompts/index.ts'
import { expected, leaveOneOut, type Row, train } from '../model/logistic.ts'
import { dayMs } from '../model/measurement.ts'
import { featuresFor, fewestUses, type Prediction, type Shape } from '../model/prediction.ts'
import { startOf } from '../model/rollup.ts'
import { type Prior, posterior, priorOf, type Rate, uniformPrior } from '../model/success-prior.ts'
import { measuredSeries } from './groups.ts'
import type { SeriesRow } from './scope.ts'

const days = 90
/** Rows that a model is trained on at most, those with the most uses; prompts that it needs at least. */
const [mostRows, fewestPrompts] = [200, 10]

type Used = Readonly<{ series: SeriesRow; rate: Rate }>
type Measured = Readonly<{ promptId: string; version: number; model: string; rate: Rate }>

const sumOf = (rates: readonly Rate[]): Rate => ({
  successes: rates.reduce((sum, { successes }) => sum + successes, 0),
  uses: rates.reduce((sum, { uses }) => sum + uses, 0),
})

async function usedLately(db: Db, ctx: Ctx): Promise<Used[]> {
  const to = startOf('day', Date.parse(ctx.now())) + dayMs
  const filter = { from: to - days * dayMs, to }
  const measured = await measuredSeries(db, 'day', filter, ctx)
  return measured.flatMap(({ series, sums: { requests, errors } }) =>
    series && requests > 0 ? [{ series, rate: { successes: requests - errors, uses: requests } }] : [],
  )
}

/** What is usual among other prompts: of the category, or else of the workspace. */
function usual(used: readonly Used[], promptId: string, category: string): { of: Prediction['prior']['of']; prior: Prior } {
  const others = used.filter(({ series }) => series.promptId !== promptId)
  const among = (all: readonly Used[]) =>
    priorOf([...Map.groupBy(all, ({ series }) => series.promptId)].map(([, own]) => sumOf(own.map(({ rate }) => rate))))
  const near = among(others.filter(({ series }) => series.promptCategory === category))
  if (near) return { of: 'category', prior: near }
  const far = among(others)
  return far ? { of: 'workspace', prior: far } : { of: 'nothing', prior: uniformPrior }
}

/** Versions by model that were used often enough, those with the most uses first. */
function measuredVersions(used: readonly Used[]): Measured[] {
  const known = used.filter(({ series }) => series.version > 0)
  return [...Map.groupBy(known, ({ series }) => `${series.promptId} ${series.version} ${series.model}`)]
    .map(([, own]) => ({ ...own[0]!.series, rate: sumOf(own.map(({ rate }) => rate)) }))
    .filter(({ rate }) => rate.uses >= fewestUses)
    .sort((a, b) => b.rate.uses - a.rate.uses || (a.promptId + a.version < b.promptId + b.version ? -1 : 1))
    .map(({ promptId, version, model, rate }) => ({ promptId, version, model, rate }))
}

type Learnt = Readonly<{ rows: readonly Row[]; names: readonly string[]; mine: readonly number[] | undefined }>

/** Rows to learn from; and the features of what is asked for, as it was used most. */
function rowsOf(measured: readonly Measured[], shapes: readonly VersionShape[], asked: (one: Measured) => boolean): Learnt {
  const byVersion = new Map(shapes.map((shape) => [`${shape.promptId} ${shape.version}`, shape]))
  const known = measured.flatMap((one) => {
    const shape = byVersion.get(`${one.promptId} ${one.version}`)
    return shape ? [{ one, shape: { ...shape, model: one.model } satisfies Shape }] : []
  })
  const features = featuresFor(known.map(({ shape }) => shape))
  const own = known.find(({ one }) => asked(one))
  const rows = known.slice(0, mostRows).map(({ one, shape }): Row => ({ group: one.promptId, features: features.of(shape), ...one.rate }))
  return { rows, names: features.names, mine: own && features.of(own.shape) }
}

/** What the features of a prompt let expect, learnt from the other prompts; and how good that is where it can be seen. */
function byFeatures({ rows, names, mine }: Learnt, promptId: string): Pick<Prediction, 'fromFeatures' | 'calibration'> {
  const others = rows.filter(({ group }) => group !== promptId)
  if (new Set(others.map(({ group }) => group)).size < fewestPrompts || !mine) return { fromFeatures: null, calibration: null }
  const model = train(others)
  const effects = names
    .map((feature, i) => ({ feature, effect: (model.weights[i + 1]! * (mine[i]! - model.means[i]!)) / model.scales[i]! }))
    .sort((a, b) => Math.abs(b.effect) - Math.abs(a.effect))
  return { fromFeatures: { successRate: expected(model, mine), effects }, calibration: { rows: rows.length, ...leaveOneOut(rows) } }
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`

function inWords({ enough, requests, observed, predicted, prior }: Omit<Prediction, 'text'>): string {
  if (!enough) return `Not enough data: ${requests} uses in the last ${days} days, and ${fewestUses} are needed.`
  const shrunk =
    prior.of === 'nothing' ? '' : ` The other ${prior.prompts} prompts of its ${prior.of} succeed in ${percent(prior.successRate)}.`
  return `It is expected to succeed in ${percent(predicted!.successRate)} of uses (95 % interval ${percent(predicted!.low)} to ${percent(predicted!.high)}); ${percent(observed!)} of ${requests} did.${shrunk}`
}

/** The success rate to expect of a prompt or one of its versions. @throws PromptNotFound (404) */
export async function getPrediction(
  { promptId, version }: { promptId: string; version?: number | undefined },
  ctx: Ctx,
): Promise<Prediction> {
  const { prompt, used, measured, shapes } = await ctx.read(async (db) => {
    const [found] = await promptFacts(db, [promptId])
    if (!found) throw new AppError(PromptNotFound, `There is no prompt ${promptId}.`)
    const lately = await usedLately(db, ctx)
    const often = measuredVersions(lately)
    const own = often.filter((one) => one.promptId === promptId)
    const wanted = [...new Set([...own, ...often.slice(0, mostRows)])]
    return { prompt: found, used: lately, measured: wanted, shapes: await versionShapes(db, wanted) }
  })
  const isMine = (one: Pick<Measured, 'promptId' | 'version'>) =>
    one.promptId === promptId && (version === undefined || one.version === version)
  const rate = sumOf(used.filter(({ series }) => isMine(series)).map((one) => one.rate))
  const { of, prior } = usual(used, promptId, prompt.category)
  const enough = rate.uses >= fewestUses
  const { rate: successRate, ...interval } = posterior(prior, rate)
  const told = {
    promptId,
    version: version ?? null,
    enough,
    requests: rate.uses,
    observed: rate.uses === 0 ? null : rate.successes / rate.uses,
    predicted: enough ? { successRate, ...interval } : null,
    prior: { of, successRate: prior.alpha / (prior.alpha + prior.beta), strength: prior.alpha + prior.beta, prompts: prior.groups },
    ...(enough ? byFeatures(rowsOf(measured, shapes, isMine), promptId) : { fromFeatures: null, calibration: null }),
  }
  return { ...told, text: inWords(told) }
}
