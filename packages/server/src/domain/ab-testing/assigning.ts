import { assign, type Reason } from '@prompt-store/assignment'
import { LRUCache } from 'lru-cache'
import { atMost } from '../../core/at-most.ts'
import type { Ctx } from '../../core/context.ts'
import type { Expressions } from '../../core/expressions.ts'
import type { HotPath } from '../../core/http/fast-lane.ts'
import type { Arm, Remembered, TestMemory } from './memory.ts'
import { control } from './model/experiment.ts'
import { exposureIdOf } from './model/exposure-id.ts'
import { firstExposure } from './store/exposures.ts'

/** What a unit sees of a test, and why. `exposureId` is null for whoever does not count. */
export type Assigned = Readonly<{
  known: Remembered
  arm: Arm
  enrolled: boolean
  reason: Reason | 'unavailable'
  unitHash: string
  exposureId: string | null
}>

export type Attributes = Readonly<Record<string, unknown>>
export type AssignParts = Readonly<{
  memory: TestMemory
  expressions: Pick<Expressions, 'evaluate'>
  /** The keyed hash of a unit, hex. */
  hashUnit(workspaceId: string, unitId: string): string
}>

export type Assigning = Readonly<{
  assign(known: Remembered, unitId: string, attributes: Attributes, ctx: Ctx): Promise<Assigned>
  /** A unit is exposed by this: a sticky one keeps it from now on, before it is written. */
  exposed(assigned: Assigned): void
  /** The answer to `GET …/assign`, finished, where memory is enough for it. */
  hotPath(prefix: string): HotPath
}>

/** Assign units: a pure function from memory. Only targeting asks a worker, and only `sticky` the database, once for each unit. */
export function createAssigning({ memory, expressions, hashUnit }: AssignParts): Assigning {
  const firstSeen = createFirstSeen()

  const finished = (
    known: Remembered,
    unitId: string,
    workspaceId: string,
    { variant, enrolled, reason }: { variant: string; enrolled: boolean; reason: Reason },
  ): Assigned => {
    const unitHash = enrolled ? hashUnit(workspaceId, unitId) : ''
    const arm = known.arms.get(variant)!
    if (!arm.isAvailable && arm.index > 0)
      return { known, arm: controlOf(known), enrolled: false, reason: 'unavailable', unitHash, exposureId: null }
    const exposureId = enrolled ? exposureIdOf(known.test.id, { phase: known.phase, variant: arm.index, unitHash }) : null
    return { known, arm, enrolled, reason, unitHash, exposureId }
  }

  return {
    async assign(known, unitId, attributes, ctx) {
      const { test, assignable } = known
      const meets = test.targeting !== null && test.status === 'running' ? await isMet(test.targeting, attributes, ctx) : true
      const assigned = assign(assignable, unitId, meets)
      const mayKeep = test.sticky && (assigned.reason === 'assigned' || assigned.reason === 'coverage')
      const kept = mayKeep ? await firstSeen.find(known, hashUnit(ctx.workspaceId, unitId), ctx) : undefined
      return finished(known, unitId, ctx.workspaceId, kept === undefined ? assigned : { variant: kept, enrolled: true, reason: 'assigned' })
    },
    exposed({ known, unitHash, arm }) {
      if (known.test.sticky) firstSeen.note(known.test.id, unitHash, arm.key)
    },
    hotPath: (prefix) => ({
      route: `${prefix}/optimization/ab-tests/:id/assign`,
      access: 'prompts:read',
      prefix: `${prefix}/optimization/ab-tests/`,
      find(workspaceId, rest) {
        const asked = askedIn(rest)
        const known = asked && memory.peek(workspaceId, asked.id)
        if (!known || known.test.sticky || known.test.targeting !== null) return undefined
        const told = finished(known, asked.unitId, workspaceId, assign(known.assignable, asked.unitId))
        return { bytes: Buffer.from(bodyOf(told)), rawHeaders, on: { category: known.category } }
      },
    }),
  }

  async function isMet(targeting: string, attr: Attributes, { workspaceId }: Ctx): Promise<boolean> {
    const { value } = await expressions.evaluate(targeting, { attr }, { scope: workspaceId })
    return value === true
  }
}

const controlOf = ({ arms, test }: Remembered): Arm => arms.get(control(test).key)!

export const assignHeaders = { 'Content-Type': 'application/json; charset=utf-8', 'Cache-Control': 'no-store' }
const rawHeaders = Object.entries(assignHeaders).flat()

/** What is said of a unit in JSON; all but the exposure's id was written before. */
export function bodyOf({ known, arm, enrolled, reason, exposureId }: Assigned): string {
  const place = `${arm.key} ${reason}`
  let begin = known.told.get(place)
  if (begin === undefined) {
    const { promptId, version, key: variant } = arm
    begin = `${JSON.stringify({ testId: known.test.id, variant, promptId, version, enrolled, reason }).slice(0, -1)},"exposureId":`
    known.told.set(place, begin)
  }
  return exposureId === null ? `${begin}null}` : `${begin}"${exposureId}"}`
}

const plainForm = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\/assign\?unitId=([A-Za-z0-9._~!*'():@/-]{1,200})$/

/** The plain form of the address, whose unit needs no decoding; any other is read by the framework. */
function askedIn(rest: string): { id: string; unitId: string } | undefined {
  const [, id, unitId] = plainForm.exec(rest) ?? []
  return id === undefined || unitId === undefined ? undefined : { id, unitId }
}

/** What sticky units saw first. It never changes, so it is remembered; that a unit has seen nothing yet holds for a moment of this phase. */
function createFirstSeen() {
  const seen = new LRUCache<string, string>(atMost(200_000))
  const unseen = new LRUCache<string, true>({ ...atMost(200_000), ttl: 60_000 })
  return {
    note(testId: string, unitHash: string, variant: string): void {
      const key = `${testId} ${unitHash}`
      if (!seen.has(key)) seen.set(key, variant)
    },
    async find({ test, phase }: Remembered, unitHash: string, ctx: Ctx): Promise<string | undefined> {
      const key = `${test.id} ${unitHash}`
      const variant = seen.get(key)
      if (variant !== undefined || unseen.has(`${key} ${phase}`)) return variant
      const first = await ctx.readAll((db) => firstExposure(db, test.id, unitHash))
      if (first === undefined) unseen.set(`${key} ${phase}`, true)
      else seen.set(key, first)
      return first
    },
  }
}
