import type { Ctx } from '../../../core/context.ts'
import { countTokens, findPrompts } from '../../prompts/index.ts'
import { pricingWith } from '../model/prices.ts'
import { type ModelUse, savingsOf, type Template } from '../model/savings.ts'
import { emptyTally, type Sums, sums } from '../model/tally.ts'
import { findWishes } from '../store/settings.ts'
import type { SeriesRow } from './scope.ts'

/** Prompts whose savings are told: those that cost most. */
const mostPrompts = 20
/** Characters of a prompt whose tokens are counted; the rest is taken to be like them. */
const mostCharacters = 20_000

export type Used = Readonly<{ series: SeriesRow; sums: Sums }>

/** Where what is the same in all uses ends: at the first tag, or at what a chat puts in between. */
const variableAt = /\{\{|\{%|^\[[^\]\n]*\]$/m

function templateOf(text: string): Template {
  const head = text.slice(0, mostCharacters)
  const counted = countTokens(head)
  const end = text.search(variableAt)
  const prefix = end < 0 ? head : head.slice(0, end)
  const scale = text.length > head.length ? text.length / head.length : 1
  return { tokens: Math.round(counted * scale), prefixTokens: prefix === head ? counted : countTokens(prefix), countedWhole: scale === 1 }
}

/** What each model did for a prompt. Ratings name no model: those of a version that one model alone was used with are that model’s. */
function byModel(used: readonly Used[]): ModelUse[] {
  const found = new Map<string, { provider: string; model: string; sums: Sums; ratings: number; score: number }>()
  const ofVersion = new Map<number, Set<string>>()
  for (const { series, sums: own } of used) {
    if (own.requests === 0) continue
    const key = `${series.provider}\n${series.model}`
    const one = found.get(key) ?? { provider: series.provider, model: series.model, sums: emptyTally(), ratings: 0, score: 0 }
    found.set(key, one)
    for (const name of sums) one.sums[name] += own[name]
    ofVersion.set(series.version, (ofVersion.get(series.version) ?? new Set()).add(key))
  }
  for (const { series, sums: own } of used) {
    const [key, ...others] = ofVersion.get(series.version) ?? []
    const one = key !== undefined && others.length === 0 && series.version > 0 ? found.get(key) : undefined
    if (!one) continue
    one.ratings += own.ratings
    one.score += own.score
  }
  return [...found.values()]
}

const costOf = (used: readonly Used[]) => used.reduce((sum, one) => sum + one.sums.costMicros, 0) / 1e6

/** What the prompts that cost most could save. @param used what was measured, by series */
export async function listSavings(used: readonly Used[], ctx: Ctx) {
  const dearest = [...Map.groupBy(used, ({ series }) => series.promptId)]
    .map(([promptId, own]) => ({ promptId, own, costUsd: costOf(own) }))
    .filter(({ costUsd }) => costUsd > 0)
    .sort((a, b) => b.costUsd - a.costUsd)
    .slice(0, mostPrompts)
  const price = pricingWith((await ctx.read(findWishes)).prices)
  const prompts = await findPrompts(
    dearest.map(({ promptId }) => promptId),
    ctx,
  )
  const byId = new Map(prompts.map((prompt) => [prompt.item.id, prompt]))
  return dearest.flatMap(({ promptId, own, costUsd }) => {
    const prompt = byId.get(promptId)
    if (!prompt) return []
    const template = templateOf(prompt.text)
    const options = savingsOf(template, byModel(own), price, Date.parse(ctx.now()))
    return [{ promptId, name: `${prompt.item.category}/${prompt.item.name}`, costUsd, templateTokens: template.tokens, options }]
  })
}
