import { type Static, Type } from 'typebox'
import { Id, Nullable, Strict } from '../../../core/schemas.ts'

const Share = (description: string) => Type.Number({ minimum: 0, maximum: 1, description })
const Count = (description: string) => Type.Integer({ minimum: 0, description })

export const Prediction = Strict(
  {
    promptId: Id,
    version: Nullable(Type.Integer(), { description: 'The version that was asked for; null: all of them' }),
    enough: Type.Boolean({ description: 'false: fewer than 20 uses in the last 90 days, and nothing is predicted' }),
    requests: Count('Uses in the last 90 days'),
    observed: Nullable(Share('Their success rate')),
    predicted: Nullable(
      Strict({
        successRate: Share('Expected of the next uses: what was measured, shrunk to what is usual'),
        low: Share('Of the 95 % interval'),
        high: Share('Of the 95 % interval'),
      }),
    ),
    prior: Strict({
      of: Type.Enum(['category', 'workspace', 'nothing'], { description: 'Whose other prompts say what is usual: 3 at least' }),
      successRate: Share('What is usual'),
      strength: Type.Number({ minimum: 0, description: 'As many uses it stands for' }),
      prompts: Count('Prompts that it is made of'),
    }),
    fromFeatures: Nullable(
      Strict({
        successRate: Share('What a logistic model of the prompts’ features expects, without looking at how this prompt did'),
        effects: Type.Array(
          Strict({
            feature: Type.String({ description: 'Of the prompt or its use' }),
            effect: Type.Number({ description: 'On the log-odds of success, against a prompt that is average in it' }),
          }),
          { description: 'The greatest first. They go together with success; they need not cause it' },
        ),
      }),
      { description: 'null: fewer than 10 prompts have measured versions, or this version is not known' },
    ),
    calibration: Nullable(
      Strict({
        rows: Count('Versions with a model that were measured 20 times at least, of which each prompt was left out in turn'),
        brier: Share('Mean squared error of the feature model for single uses; 0 is best'),
        baseBrier: Share('The same for telling everybody the mean: the model is of use when it is below this'),
        bins: Type.Array(
          Strict({
            from: Share('Predicted from'),
            to: Share('to'),
            uses: Count('Uses'),
            predicted: Share('Mean prediction'),
            observed: Share('What came true'),
          }),
        ),
      }),
    ),
    text: Type.String({ description: 'In words' }),
  },
  { $id: 'Prediction' },
)
export type Prediction = Static<typeof Prediction>

export const fewestUses = 20

/** What a version looks like, and which model it was used with. */
export type Shape = Readonly<{ engine: string; chat: boolean; characters: number; variables: number; hasExamples: boolean; model: string }>

/** Models that the features tell apart: those with the most rows. */
const mostModels = 5

/** What features there are, by their names; and how a shape is written in them. */
export function featuresFor(shapes: readonly Shape[]): { names: string[]; of(shape: Shape): number[] } {
  const models = [...Map.groupBy(shapes, ({ model }) => model)]
    .sort(([a, own], [b, others]) => others.length - own.length || (a < b ? -1 : 1))
    .slice(0, mostModels)
    .map(([model]) => model)
  return {
    names: ['length', 'variables', 'liquid', 'no engine', 'chat', 'examples', ...models.map((model) => `model ${model}`)],
    of: ({ engine, chat, characters, variables, hasExamples, model }) => [
      Math.log1p(characters),
      Math.log1p(variables),
      Number(engine === 'liquid'),
      Number(engine === 'none'),
      Number(chat),
      Number(hasExamples),
      ...models.map((one) => Number(one === model)),
    ],
  }
}
