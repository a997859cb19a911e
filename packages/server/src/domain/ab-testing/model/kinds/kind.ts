import { type Static, type TObject, Type } from 'typebox'

/** An analysis by its name: what it takes and what it answers. Infinity may be answered; NaN means that it cannot be computed. */
export type Kind = Readonly<{ inputs: TObject; run(inputs: unknown): object }>

/** @param run is given inputs that fit the schema. @throws FiguresUnusable (422) */
export const kind = <I extends TObject>(inputs: I, run: (inputs: Static<I>) => object): Kind => ({
  inputs,
  run: (given) => run(given as Static<I>),
})

export const Alpha = Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1, description: 'Level; 0.05 unless told' })
export const Power = Type.Number({
  exclusiveMinimum: 0,
  exclusiveMaximum: 1,
  description: 'Probability to find the effect; 0.8 unless told',
})
export const Sides = Type.Unsafe<1 | 2>({ type: 'integer', enum: [1, 2], description: 'Sides of the test; 2 unless told' })
export const Inverse = Type.Boolean({ description: 'Lower is better' })
export const Optimize = Type.Enum(['max', 'min'], { description: 'min where lower is better; max unless told' })
export const Units = (description: string) => Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description })

/** A number of which the fourth power is still one. */
export const Figure = (description: string) => Type.Number({ minimum: -1e30, maximum: 1e30, description })
export const NotNegative = (description: string) => Type.Number({ minimum: 0, maximum: 1e60, description })
