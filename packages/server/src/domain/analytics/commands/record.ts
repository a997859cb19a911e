import { may, sees } from '../../../core/access.ts'
import type { Ctx } from '../../../core/context.ts'
import { AppError } from '../../../core/errors.ts'
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
type Said = Named & Readonly<{ version?: number; label?: string; experiment?: Readonly<{ testId: string }> }>

/** Which of these A/B tests there are in the caller's workspace, and have started. */
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
    const ready: { index: number; measurement: Measurement }[] = []
    const named: { index: number; testId: string }[] = []
    for (const [i, { index, one }] of taken.entries()) {
      const prepared = intake.attempt(index, () => prepare(one!, assertKnown(visible(prompts[i], ctx), events[i]!), known))
      if (!prepared) continue
      ready.push({ index, measurement: prepared.measurement })
      for (const name of Object.keys(one!.unknown ?? {})) intake.warn(index, unknownField(name))
      if (prepared.unpriced) intake.warn(index, unknownModel(prepared.measurement.dimensions))
      const differs = promptDiffers(events[i]!, prompts[i]!)
      if (differs) intake.warn(index, differs)
      const { testId } = events[i]!.experiment ?? {}
      if (testId !== undefined) named.push({ index, testId })
    }
    const started =
      named.length === 0
        ? undefined
        : await startedTests(
            named.map(({ testId }) => testId),
            ctx,
          )
    for (const { index, testId } of named) if (!started?.has(testId)) intake.warn(index, unknownExperiment(testId))
    const outcomes = await store(
      ctx.workspaceId,
      ready.map(({ measurement }) => measurement),
    )
    for (const [i, { index }] of ready.entries()) if (outcomes[i] === 'unstorable') intake.attempt(index, refuse)
    const count = (outcome: string) => outcomes.filter((one) => one === outcome).length
    return intake.answer(count('stored'), count('duplicate'))
  }

function refuse(): never {
  throw new AppError(
    MeasurementUnstorable,
    'The database does not take this event. Its neighbours were stored; look at what is unusual in it.',
  )
}

export const recordUsage = record(usage)
export const recordSatisfaction = record(satisfaction)
