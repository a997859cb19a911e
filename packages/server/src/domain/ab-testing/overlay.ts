import type { Overlay } from '../prompts/index.ts'
import type { TestMemory } from './memory.ts'
import { control } from './model/experiment.ts'
import type { Selecting } from './selecting.ts'

/**
 * Tests that run on a label: whoever reads that label of the control's prompt with a unit gets the unit's variant, and is
 * exposed by it. Who is not enrolled gets what the label says. So does everybody as soon as the label stands elsewhere than on
 * the control: who moves a label, to bring an old version back for instance, is not overruled by a test.
 */
export const createOverlay =
  (memory: TestMemory, selecting: Selecting): Overlay =>
  async ({ promptId, label, version, unitId, attributes, values }, ctx) => {
    const running = (await memory.running(ctx)).find((test) => test.overlayLabel === label && test.controlId === promptId)
    const known = running && (await memory.find(running.id, ctx))
    if (!known || control(known.test).version !== version) return undefined
    const selected = await selecting.select(known, { unitId, attributes, values, exposes: true }, ctx)
    if (!selected.assigned.enrolled) return undefined
    return { body: selected.prompt, headers: { ...selected.headers, 'X-Prompt-Label': label, 'X-Prompt-Test': running.id } }
  }
