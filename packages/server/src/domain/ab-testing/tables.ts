import type { Json } from '../../core/db.ts'
import type { Decision, Experiment, Phase, Status } from './model/experiment.ts'

/** The parts of a test that stand in columns of their own. */
export type Columns =
  | 'id'
  | 'name'
  | 'status'
  | 'phases'
  | 'winner'
  | 'decision'
  | 'startedAt'
  | 'endedAt'
  | 'createdBy'
  | 'createdAt'
  | 'updatedAt'
  | 'revision'
export type Design = Omit<Experiment, Columns | 'ranges'>

/** The tables this context owns. No other context may name them in SQL. */
declare module '../../core/db.ts' {
  interface Tables {
    abTest: Owned & {
      id: string
      name: string
      status: Status
      controlId: string
      design: Json<Design>
      phases: Json<readonly Phase[]>
      winner: string | null
      decision: Json<Decision> | null
      startedAt: string | null
      endedAt: string | null
      createdBy: string
      createdAt: string
      updatedAt: string
      revision: number
    }
    abExposure: Owned & {
      testId: string
      unitHash: Buffer
      phase: number
      variant: string
      checksum: string
      firstAt: string
    }
  }
}
