import { may, sees } from '../../../core/access.ts'
import type { Ctx } from '../../../core/context.ts'
import { AppError } from '../../../core/errors.ts'
import { isId } from '../../../core/ids.ts'
import { type IntakeAnswer, startIntake, unknownField } from '../../../core/intake.ts'
import { MeasurementUnstorable } from '../model/failures.ts'
import type { Measurement, Satisfaction, UsageEvent } from '../model/measurement.ts'
import {
  assertKnown,
  type KnownPrompt,
  type Prepared,
  preparedSatisfaction,
  preparedUsage,
  type Taken,
  type Terms,
  takenSatisfaction,
  takenUsage,
} from '../model/preparing.ts'
import { promptDiffers, unknownExperiment, unknownModel } from '../model/recorded.ts'

type Named = Readonly<{ promptId?: string | undefined; category?: string | undefined; name?: string | undefined }>
type Said = Named & Readonly<{ version?: number; label?: string; experiment?: Readonly<{ testId: string }> | undefined }>

/** Which of these A/B tests have started, and are for the caller to tell outcomes of. */
export type StartedTests = (testIds: readonly string[], ctx: Ctx) => Promise<ReadonlySet<string>>

/** What recording needs beside its input. */
export type Recording = Readonly<{
  findPrompts(
    named: readonly Named[],
    fits: (prompt: KnownPrompt, index: number) => boolean,
    ctx: Ctx,
  ): Promise<(KnownPrompt | undefined)[]>
  terms(ctx: Ctx): Promise<Terms>
  startedTests: StartedTests
  /** After the commit: what became of each. @throws Overloaded, Unavailable (503) */
  store(workspaceId: string, measurements: readonly Measurement[]): Promise<('stored' | 'duplicate' | 'unstorable')[]>
}>

type Kind<E extends Said> = Readonly<{
  path: string
  take(value: unknown): Taken<E>
  prepare(taken: Taken<E>, prompt: KnownPrompt, terms: Terms): Prepared
}>

const usage: Kind<UsageEvent> = { path: '/api/v1/analytics/usage', take: takenUsage, prepare: preparedUsage }
const satisfaction: Kind<Satisfaction> = { path: '/api/v1/analytics/satisfaction', take: takenSatisfaction, prepare: preparedSatisfaction }

const hasAll = ({ version = 0, label }: Said, prompt: KnownPrompt): boolean =>
  version <= prompt.version && (label === undefined || prompt.labels.includes(label))

/** A caller that is limited to categories measures prompts of these alone, and is told nothing of others. */
const visible = (prompt: KnownPrompt | undefined, { actor }: Ctx): KnownPrompt | undefined =>
  prompt && sees(actor, prompt.category) && may(actor, 'analytics:write', { category: prompt.category }) ? prompt : undefined

/** Of many values each is taken or refused by itself; what is wrong with a single one is thrown. */
const record =
  <E extends Said>({ path, take, prepare }: Kind<E>) =>
  ({ findPrompts, terms, startedTests, store }: Recording) =>
  async (body: Readonly<Record<string, unknown>>, ctx: Ctx): Promise<IntakeAnswer> => {
    const intake = startIntake(body, path, ctx)
    const taken = intake.values
      .map((value, index) => ({ index, one: intake.attempt(index, () => take(value)) }))
      .filter(({ one }) => one !== undefined)
    const events = taken.map(({ one }) => one!.event)
    const known = await terms(ctx)
    const prompts = await findPrompts(events, (prompt, i) => hasAll(events[i]!, prompt), ctx)
    const started = await startedBy(events, startedTests, ctx)
    const ready: { index: number; measurement: Measurement }[] = []
    for (const [i, { index, one }] of taken.entries()) {
      const { event, isLost } = withinReach(one!, started)
      const prepared = intake.attempt(index, () => prepare(event, assertKnown(visible(prompts[i], ctx), events[i]!), known))
      if (!prepared) continue
      ready.push({ index, measurement: prepared.measurement })
      for (const name of Object.keys(one!.unknown ?? {})) intake.warn(index, unknownField(name))
      if (prepared.unpriced) intake.warn(index, unknownModel(prepared.measurement.dimensions))
      const differs = promptDiffers(events[i]!, prompts[i]!)
      if (differs) intake.warn(index, differs)
      if (isLost) intake.warn(index, unknownExperiment(events[i]!.experiment!.testId))
    }
    const outcomes = await store(
      ctx.workspaceId,
      ready.map(({ measurement }) => measurement),
    )
    for (const [i, { index }] of ready.entries()) if (outcomes[i] === 'unstorable') intake.attempt(index, refuse)
    const count = (outcome: string) => outcomes.filter((one) => one === outcome).length
    return intake.answer(count('stored'), count('duplicate'))
  }

/** Of the tests that events name, those that they may count for. */
async function startedBy(events: readonly Said[], startedTests: StartedTests, ctx: Ctx): Promise<ReadonlySet<string>> {
  const named = events.flatMap(({ experiment }) => experiment?.testId ?? [])
  return named.length === 0 ? new Set() : startedTests(named, ctx)
}

/** An event that names a test of ours which it may not count for is taken without it; what other tools call their tests is kept. */
function withinReach<E extends Said>(taken: Taken<E>, started: ReadonlySet<string>): { event: Taken<E>; isLost: boolean } {
  const { testId } = taken.event.experiment ?? {}
  if (testId === undefined || started.has(testId)) return { event: taken, isLost: false }
  return { event: isId(testId) ? { ...taken, event: { ...taken.event, experiment: undefined } } : taken, isLost: true }
}

function refuse(): never {
  throw new AppError(
    MeasurementUnstorable,
    'The database does not take this event. Its neighbours were stored; look at what is unusual in it.',
  )
}

export const recordUsage = record(usage)
export const recordSatisfaction = record(satisfaction)
