import type { Measure } from './report.ts'

export type RowOptions = Readonly<{
  /** Short runs: the shape of the figures, not their last digit. */
  quick: boolean
  note(text: string): void
}>

/** One row of the table: one file in `rows/`. */
export type Row = Readonly<{ id: string; title: string; measure(options: RowOptions): Promise<Measure[]> }>
