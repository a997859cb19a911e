import type { Ctx } from '../../core/context.ts'
import { isAppError } from '../../core/errors.ts'
import { fillServed, type Served, type Serving, type Values } from '../prompts/index.ts'
import { type Assigned, type Assigning, type Attributes, bodyOf } from './assigning.ts'
import type { Exposures } from './exposures.ts'
import type { Arm, Remembered, TestMemory } from './memory.ts'
import { mayTouch } from './model/access.ts'
import { control } from './model/experiment.ts'
import { notThere } from './model/failures.ts'

export type SelectParts = Readonly<{ memory: TestMemory; assigning: Assigning; store: Serving; exposures: Exposures }>
export type Wish = Readonly<{
  unitId: string
  attributes: Attributes
  values?: Values | undefined /** Whether the unit is exposed by it: false where it only might look. */
  exposes: boolean
}>

/** What a unit is served of a test. */
export type Selected = Readonly<{
  assigned: Assigned
  /** JSON of the prompt, filled where values were given. */
  prompt: Buffer | string
  checksum: string
  headers: Readonly<Record<string, string>>
}>

export type Selecting = Readonly<{
  /** @throws ABTestNotFound (404), also for a test that is not for the caller */
  known(id: string, ctx: Ctx): Promise<Remembered>
  /** The test of this name that is for the caller: the running one that began last, or else the newest. @throws ABTestNotFound (404) */
  named(name: string, ctx: Ctx): Promise<Remembered>
  /** The running tests that are for the caller, the newest first. */
  running(ctx: Ctx): Promise<Remembered[]>
  /** @throws what serving and filling the control throws; a variant that is not there any more is replaced by the control */
  select(known: Remembered, wish: Wish, ctx: Ctx): Promise<Selected>
}>

export function createSelecting({ memory, assigning, store, exposures }: SelectParts): Selecting {
  return {
    async known(id, ctx) {
      const [known] = await visible([id], ctx)
      if (!known) throw notThere(id)
      return known
    },
    async named(name, ctx) {
      const running = (await memory.running(ctx)).filter((test) => test.name === name)
      const [going] = await visible(idsOf(running), ctx)
      const [known] = going ? [going] : await visible(await memory.named(name, ctx), ctx)
      if (!known) throw notThere(name)
      return known
    },
    running: async (ctx) => visible(idsOf(await memory.running(ctx)), ctx),
    async select(known, { unitId, attributes, values, exposes }, ctx) {
      const wanted = await assigning.assign(known, unitId, attributes, ctx)
      const { assigned, served, staleMs } = await serve(wanted, ctx)
      const { pointer, bytes } = served
      const prompt = values ? JSON.stringify(await fillServed(store, served, values, ctx)) : bytes
      store.used(ctx.workspaceId, served)
      const { test, phase } = known
      const { arm, enrolled, unitHash, exposureId } = assigned
      if (enrolled && exposes) {
        exposures.note({ workspaceId: ctx.workspaceId, testId: test.id, phase, unitHash, variant: arm.key, checksum: pointer.checksum })
        assigning.exposed(assigned)
      }
      const { ETag: _tag, ...headers } = served.headers
      return {
        assigned,
        prompt,
        checksum: pointer.checksum,
        headers: {
          ...headers,
          'Cache-Control': 'no-store',
          'X-Prompt-Variant': arm.key,
          ...(exposureId !== null && { 'X-Prompt-Exposure': exposureId }),
          ...(staleMs !== undefined && { Age: String(Math.floor(staleMs / 1000)), 'X-Prompt-Stale': 'true' }),
        },
      }
    },
  }

  /** Those of some tests that are for the caller, in their order. */
  async function visible(ids: readonly string[], ctx: Ctx): Promise<Remembered[]> {
    const found = await Promise.all(ids.map((id) => memory.find(id, ctx)))
    return found.filter((known) => known !== undefined && mayTouch(ctx.actor, 'prompts:read', known.category)) as Remembered[]
  }

  /** The variant, or visibly the control where that cannot be served any more: deleted, redacted, without what it includes. */
  async function serve(assigned: Assigned, ctx: Ctx): Promise<{ assigned: Assigned; served: Served; staleMs?: number }> {
    try {
      return { assigned, ...(await store.serve(wantedOf(assigned.arm), ctx)) }
    } catch (error) {
      if (assigned.arm.index === 0 || !isAppError(error) || ![404, 409, 410].includes(error.kind.status)) throw error
      const { known } = assigned
      const arm = known.arms.get(control(known.test).key)!
      const instead: Assigned = { ...assigned, arm, enrolled: false, reason: 'unavailable', exposureId: null }
      return { assigned: instead, ...(await store.serve(wantedOf(arm), ctx)) }
    }
  }
}

const idsOf = (tests: readonly { id: string }[]): string[] => tests.map(({ id }) => id)

/** By its version once that is pinned; a draft's control as its label, or else production, stands now. */
const wantedOf = ({ promptId: id, version, label }: Arm) => (version === null ? { id, ...(label !== null && { label }) } : { id, version })

/** One JSON object of an assignment and its prompt, whose bytes are taken as they are. */
export function selectedBody({ assigned, prompt }: Pick<Selected, 'assigned' | 'prompt'>): Buffer {
  return Buffer.concat([Buffer.from(`${bodyOf(assigned).slice(0, -1)},"prompt":`), Buffer.from(prompt), Buffer.from('}')])
}
