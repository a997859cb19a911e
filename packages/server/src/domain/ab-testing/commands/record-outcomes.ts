import type { Ctx } from '../../../core/context.ts'
import { AppError, type FieldError } from '../../../core/errors.ts'
import { type IntakeAnswer, startIntake, unknownField } from '../../../core/intake.ts'
import { RequestInvalid } from '../../../core/problem.ts'
import { checkerOf } from '../../analytics/index.ts'
import { currentPhase, type Experiment } from '../model/experiment.ts'
import { readExposureId } from '../model/exposure-id.ts'
import {
  ExposureUnknown,
  Outcome,
  OutcomeContradicts,
  type OutcomeRow,
  outcomeIdOf,
  TestNotStarted,
  unexposed,
  VariantUnknown,
  valuesOf,
} from '../model/outcomes.ts'
import { metrics } from '../model/summaries.ts'
import { exposuresOf, insertOutcomes, takeIds } from '../store/outcomes.ts'

/** What recording outcomes needs beside its input. */
export type Recording = Readonly<{
  /** @throws ABTestNotFound (404) */
  findTest(id: string, ctx: Ctx): Promise<Experiment>
  /** The keyed hash of a unit of a workspace: 8 bytes in hex. */
  hashUnit(workspaceId: string, unitId: string): string
  /** Whether an exposure of the unit in this phase is on its way into the database. */
  isExposing(exposure: Readonly<{ testId: string; phase: number; unitHash: string }>): boolean
  /** After the commit: there is something to count. */
  told(): void
}>

type Ready = Readonly<{ index: number; id: string | null; row: OutcomeRow; unknown: readonly string[] }>

const check = checkerOf(Outcome)
const refused = (errors: FieldError[]) =>
  new AppError(RequestInvalid, `${errors[0]!.pointer || 'The outcome'}: ${errors[0]!.detail}`, { errors })
const wrong = (pointer: string, code: string, detail: string) => refused([{ pointer, code, detail }])
const mostMetadata = 4_096

/** @throws RequestInvalid (400), VariantUnknown, ExposureUnknown (422) */
function prepared(value: unknown, test: Experiment, { hashUnit }: Recording, ctx: Ctx): Omit<Ready, 'index'> {
  const { errors, unknown } = check(value)
  if (errors.length > 0) throw refused(errors)
  const told = value as Outcome
  if ((told.unitId === undefined) === (told.exposureId === undefined)) throw wrong('/unitId', 'needed', 'Say either unitId or exposureId.')
  if (metrics.every((metric) => told[metric] === undefined))
    throw wrong('', 'needed', `It says nothing: send at least one of ${metrics.join(', ')}.`)
  const metadata = unknown === undefined ? null : JSON.stringify(unknown)
  if (metadata !== null && Buffer.byteLength(metadata) > mostMetadata)
    throw wrong('', 'too_long', `Unknown fields may have ${mostMetadata} bytes as JSON.`)
  if (told.variant !== undefined && !test.variants.some(({ key }) => key === told.variant))
    throw new AppError(VariantUnknown, `"${told.variant}" is none of ${test.variants.map(({ key }) => key).join(', ')}.`)
  const exposure = told.exposureId === undefined ? undefined : exposedBy(test, told.exposureId)
  if (told.exposureId !== undefined && !exposure)
    throw new AppError(ExposureUnknown, 'No unit of this test has that exposureId. Send it as assign or select gave it, or send unitId.')
  if (exposure && told.variant !== undefined && told.variant !== exposure.variant) throw contradicts(told.variant, [exposure.variant])
  const { workspaceId } = ctx
  return {
    id: told.eventId === undefined ? null : outcomeIdOf(test.id, told.eventId),
    unknown: Object.keys(unknown ?? {}),
    row: {
      workspaceId,
      testId: test.id,
      unitHash: exposure?.unitHash ?? hashUnit(workspaceId, told.unitId!),
      at: ctx.now(),
      claimed: told.variant ?? exposure?.variant ?? '',
      values: valuesOf(told),
      metadata,
    },
  }
}

/** Which unit an id stands for, and what it was to see. */
function exposedBy({ id, variants }: Experiment, exposureId: string): Readonly<{ unitHash: string; variant: string }> | undefined {
  const read = readExposureId(id, exposureId)
  const variant = read && variants[read.variant]
  return variant && { unitHash: read.unitHash, variant: variant.key }
}

const contradicts = (claimed: string, served: readonly string[]) =>
  new AppError(
    OutcomeContradicts,
    `The unit was served ${served.join(', ')} and never ${claimed}. Leave variant out, or find out why they differ.`,
  )

/**
 * Take outcomes of a test: one, whose failure is thrown, or many, of which each is taken or refused by itself. Answered after
 * the commit. @throws ABTestNotFound (404), TestNotStarted (409)
 */
export const recordOutcomes =
  (parts: Recording) =>
  async (id: string, body: Readonly<Record<string, unknown>>, ctx: Ctx): Promise<IntakeAnswer> => {
    const test = await parts.findTest(id, ctx)
    if (test.status === 'draft')
      throw new AppError(TestNotStarted, 'Nobody was served a variant of this test yet. Start it, then tell outcomes.')
    const intake = startIntake(body, `/api/v1/optimization/ab-tests/${id}/results`, ctx)
    const ready = intake.values.flatMap((value, index): Ready[] => {
      const one = intake.attempt(index, () => prepared(value, test, parts, ctx))
      return one ? [{ ...one, index }] : []
    })
    const refuse = (index: number, error: AppError) => intake.attempt(index, () => raise(error))
    const { taken, duplicates, exposed } = await ctx.transact((tx) => storeOutcomes(tx, test.id, ready, ctx, refuse))
    parts.told()
    const phase = currentPhase(test)?.n ?? 0
    for (const { index, unknown, row } of taken) {
      for (const name of unknown) intake.warn(index, unknownField(name))
      if (!exposed.has(row.unitHash) && !parts.isExposing({ testId: id, phase, unitHash: row.unitHash })) intake.warn(index, unexposed)
    }
    return intake.answer(taken.length, duplicates)
  }

function raise(error: AppError): never {
  throw error
}

type Stored = Readonly<{ taken: readonly Ready[]; duplicates: number; exposed: ReadonlyMap<string, readonly string[]> }>
type Tx = Parameters<Parameters<Ctx['transact']>[0]>[0]

async function storeOutcomes(
  tx: Tx,
  testId: string,
  ready: readonly Ready[],
  ctx: Ctx,
  refuse: (index: number, error: AppError) => void,
): Promise<Stored> {
  const exposed = await exposuresOf(
    tx,
    testId,
    ready.map(({ row }) => row.unitHash),
  )
  const right: Ready[] = []
  for (const one of ready) {
    const { claimed, unitHash } = one.row
    const served = exposed.get(unitHash)
    if (claimed !== '' && served && !served.includes(claimed)) refuse(one.index, contradicts(claimed, served))
    else right.push(one)
  }
  const fresh = await takeIds(
    tx,
    right.flatMap(({ id }) => id ?? []),
    ctx.now().slice(0, 10),
  )
  const taken = right.filter(({ id }) => id === null || fresh.delete(id)) // the first of equal ones
  await insertOutcomes(
    tx,
    taken.map(({ row }) => row),
  )
  return { taken, duplicates: right.length - taken.length, exposed }
}
