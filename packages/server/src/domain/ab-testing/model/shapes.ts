import { type Static, type TOptional, type TProperties, Type } from 'typebox'
import { FreeJson, Id, Nullable, ShortText, Strict, Timestamp } from '../../../core/schemas.ts'
import type { Experiment } from './experiment.ts'

export const Key = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$', description: 'Names a variant within its test' })
const Label = Type.String({
  pattern: '^[a-z][a-z0-9._-]{0,63}$',
  description: 'A label of the prompt: the version that it stands on when the test starts',
})
const Version = Type.Integer({ minimum: 1, maximum: 2_147_483_647, description: 'What is served; pinned when the test starts' })
const Weight = Type.Number({ minimum: 0, maximum: 1e9, description: 'Its part of the traffic, in any unit; told as a part of 1' })
const Part = (description: string) => Type.Number({ minimum: 0, maximum: 1, description })
const Bucket = Type.Integer({ minimum: 0, maximum: 10_000, description: 'Of the 10,000 buckets of the namespace' })
const Metric = Type.Enum(['success', 'score', 'latencyMs', 'costUsd', 'tokens', 'satisfaction'], { description: 'A field of the results' })
const Direction = Type.Enum(['higher', 'lower'], {
  description: 'Which is better; unless told, lower for latencyMs, costUsd and tokens, and higher for the others',
})
const Aim = { metric: Metric, direction: Type.Optional(Direction) }
const Rail = {
  ...Aim,
  maxRegression: Type.Number({ minimum: 0, maximum: 10, description: 'Relative: 0.1 is a tenth worse' }),
}
const Slot = Strict(
  { name: ShortText('Tests of one namespace share its units out among them'), start: Bucket, end: Bucket },
  { description: 'The part [start, end) that the test holds; no two running tests may overlap' },
)

/** What may be said of the design of a test, all of it optional. */
const said = {
  hypothesis: Nullable(Type.String({ maxLength: 4_000 }), { description: 'What is expected, and why' }),
  seed: Type.String({ minLength: 1, maxLength: 200, description: 'Which units fall where; a random one unless told' }),
  unit: ShortText('What is randomised, such as user or conversation'),
  coverage: Part('The part of units that take part'),
  sticky: Type.Boolean({ description: 'Who has seen a variant keeps it, whatever changes; such a test is answered by the service only' }),
  targeting: Nullable(Type.String({ minLength: 1, maxLength: 4_096 }), {
    description: 'A condition in CEL on `attr`, such as `attr.plan == "pro"`; attributes in a query are texts',
  }),
  namespace: Nullable(Slot, { description: 'For tests that exclude each other' }),
  holdout: Part('The part of units that no test with a holdout enrols: the same units in all of them'),
  forced: Type.Record(Type.String({ maxLength: 1_000 }), Key, {
    maxProperties: 1_000,
    description: 'Units that see a variant of choice, for testing: they count for nothing',
  }),
  metric: Strict(
    {
      primary: Metric,
      direction: Type.Optional(Direction),
      quantile: Type.Optional(
        Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1, description: 'Compare this quantile, such as 0.95' }),
      ),
    },
    { description: 'What decides' },
  ),
  secondary: Type.Array(Strict(Aim), { maxItems: 20, description: 'What is looked at beside it' }),
  guardrails: Type.Array(Strict(Rail), { maxItems: 20, description: 'What must not become worse' }),
  allocation: Type.Enum(['fixed', 'thompson', 'track_and_stop'], { description: 'Who shares the traffic out as the test goes on' }),
  statistics: Strict(
    {
      alpha: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 0.5, description: 'Level; 0.05 unless told' })),
      sequential: Type.Optional(Type.Literal(true, { description: 'Intervals are always-valid' })),
      expectedSampleSize: Type.Optional(
        Type.Number({
          exclusiveMinimum: 0,
          maximum: 1e12,
          description: 'N*: the size, all arms together, at which intervals are narrowest; 5,000 unless told',
        }),
      ),
    },
    { description: 'How it is analysed' },
  ),
  minimumSampleSize: Type.Integer({
    minimum: 1,
    maximum: 1_000_000_000,
    description: 'Units of each arm before anything is decided; 100 unless told',
  }),
  maxDays: Nullable(Type.Integer({ minimum: 1, maximum: 3_650 }), { description: 'When it is over in any case' }),
  minimumDays: Type.Integer({ minimum: 0, maximum: 3_650, description: 'Days before anything is decided; 0 unless told' }),
  autoStop: Type.Enum(['off', 'end', 'promote'], { description: 'What it does by itself when it is decided' }),
  overlayLabel: Nullable(Label, {
    description:
      'The label of the control’s prompt on which the test runs: who reads it with a `unitId` takes part, and the winner gets it',
  }),
}
const optional = <P extends TProperties>(fields: P) =>
  Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, Type.Optional(field)])) as {
    [K in keyof P]: TOptional<P[K]>
  }

const Name = ShortText('For people; OpenFeature asks by it too')
const variant = {
  key: Key,
  promptId: Type.String({ ...Id, description: 'The prompt that it serves' }),
  version: Type.Optional(Nullable(Version)),
  label: Type.Optional(Nullable(Label)),
  weight: Type.Optional(Weight),
}
const howMany = { minItems: 2, maxItems: 10 }
const Variants = Type.Array(Strict(variant), {
  ...howMany,
  description: 'The first is the control. Without version and label: production, or else the newest version',
})
const ChangedVariants = Type.Array(Strict({ ...variant, promptId: Type.Optional(variant.promptId) }), {
  ...howMany,
  description: 'All of them, in their order. One without promptId stays as it is but for what is said, such as its weight',
})

export const NewExperiment = Strict(
  {
    name: Name,
    variants: Type.Optional(Variants),
    promptAId: Type.Optional(Type.String({ ...Id, description: 'The short form: the control, A' })),
    promptBId: Type.Optional(Type.String({ ...Id, description: 'The short form: the other one, B' })),
    trafficSplit: Type.Optional(Part('The short form: the part of B; half unless told')),
    start: Type.Optional(Type.Boolean({ description: 'Run it at once' })),
    ...optional(said),
  },
  { $id: 'NewABTest' },
)
export type NewExperiment = Static<typeof NewExperiment>
export const changeable = { name: Type.Optional(Name), variants: Type.Optional(ChangedVariants), ...optional(said) }
export type ChangedVariants = Static<typeof ChangedVariants>
export type ChangeExperiment = Partial<Omit<NewExperiment, 'promptAId' | 'promptBId' | 'trafficSplit' | 'start'>>

const Range = Strict({
  variant: Key,
  start: Type.Integer({ minimum: 0, description: 'Hashes from here' }),
  end: Type.Integer({ minimum: 0, description: 'to here, not included' }),
})
const Decision = Strict(
  {
    action: Type.String({ description: 'What was decided, such as end or promote' }),
    winner: Nullable(Key),
    reason: Nullable(Type.String(), { description: 'As whoever decided put it' }),
    evidence: Nullable(FreeJson('The figures that it rests on, or that there were when a person decided'), {
      description: 'Null in tests that were ended before it was kept',
    }),
    at: Timestamp,
    by: Type.String({ description: 'Who decided' }),
  },
  { $id: 'ABTestDecision', description: 'What ended the test; it stays as it is' },
)
const Phase = Strict({
  n: Type.Integer({ minimum: 1, description: '1, 2, …' }),
  startedAt: Timestamp,
  coverage: Part('As of then'),
  weights: Type.Array(Weight, { description: 'In the order of the variants' }),
  ranges: Type.Array(Range, { description: 'Which hashes saw which variant' }),
})
const facts = {
  id: Id,
  status: Type.Enum(['draft', 'running', 'paused', 'completed'], { description: 'Where in its life it is' }),
  ranges: Type.Array(Range, { description: 'Which hashes see which variant; they cover [0, 2³²)' }),
  winner: Nullable(Key),
  decision: Nullable(Decision),
  phases: Type.Array(Phase, { description: 'How the traffic was shared out, and since when' }),
  startedAt: Nullable(Timestamp),
  endedAt: Nullable(Timestamp),
  createdBy: Type.String({ description: 'Who made it' }),
  createdAt: Timestamp,
  updatedAt: Timestamp,
  revision: Type.Integer({ minimum: 1, description: 'Counts its changes; the entity tag' }),
}
export const readOnly = Object.keys(facts) as (keyof typeof facts)[]
export const readOnlyFields = facts

export const viewOf = Strict(
  {
    ...facts,
    name: Name,
    variants: Type.Array(Strict({ key: Key, promptId: Id, version: Nullable(Version), label: Nullable(Label), weight: Weight }), {
      description: 'The first is the control',
    }),
    ...said,
    secondary: Type.Array(Strict({ ...Aim, direction: Direction }), { description: 'What is looked at beside it' }),
    guardrails: Type.Array(Strict({ ...Rail, direction: Direction }), { description: 'What must not become worse' }),
    metric: Strict({
      primary: Metric,
      direction: Direction,
      quantile: Type.Optional(Type.Number({ description: 'The quantile that is compared' })),
    }),
    statistics: Strict({
      alpha: Type.Number({ description: 'Level' }),
      sequential: Type.Literal(true, { description: 'Intervals are always-valid' }),
      expectedSampleSize: Type.Number({ description: 'N*' }),
    }),
  },
  { $id: 'ABTest' },
)
export const ExperimentView = Type.Unsafe<Experiment>(viewOf)
