import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import type { Expressions } from '../../../core/expressions.ts'
import type { changePrompt, setLabel } from '../../prompts/index.ts'
import type { Traffic } from '../model/detectable.ts'
import type { Experiment, Metric } from '../model/experiment.ts'
import type { Figures } from '../model/results.ts'

/** What the commands of tests need of others. */
export type TestParts = Readonly<{
  expressions: Pick<Expressions, 'check'>
  /** The traffic of a prompt, as far as the caller may see it; undefined for a metric that uses do not tell. */
  traffic(promptId: string, metric: Metric, ctx: Ctx): Promise<Traffic | undefined>
  /** What a test has shown so far. */
  figures(db: Db, test: Experiment): Promise<Figures>
  /** The commands of prompts, through all gates. */
  setLabel: ReturnType<typeof setLabel>
  changePrompt: ReturnType<typeof changePrompt>
}>

/** What targeting may read. */
const targetingVariables = ['attr']

/** @throws ExpressionInvalid (422) */
export const checkTargeting = async (
  { expressions }: Pick<TestParts, 'expressions'>,
  targeting: string | null | undefined,
): Promise<void> => {
  if (targeting != null) await expressions.check(targeting, { variables: targetingVariables, pointer: '/targeting' })
}
