import type { Ctx } from '../../../core/context.ts'
import type { Values } from './variables.ts'

/** Who reads a label, and what the label says. */
export type Reading = Readonly<{
  promptId: string
  label: string
  /** On which the label stands. */
  version: number
  unitId: string
  attributes: Readonly<Record<string, unknown>>
  values?: Values | undefined
}>

/** What a unit is served in the place of what a label says: a prompt as JSON, filled where values were given. */
export type Overlaid = Readonly<{ body: Buffer | string; headers: Readonly<Record<string, string>> }>

/**
 * What a test that runs on a label shows to a unit; undefined: what the label says. `app.ts` passes who knows of tests.
 * @throws what filling throws
 */
export type Overlay = (reading: Reading, ctx: Ctx) => Promise<Overlaid | undefined>
