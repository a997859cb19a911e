import type { Ctx } from '../../../core/context.ts'
import type { Expressions } from '../../../core/expressions.ts'
import type { changePrompt, setLabel } from '../../prompts/index.ts'

/** What was measured of a prompt lately. `successes` of `requests`, in the `days` before now. */
export type Traffic = Readonly<{ requests: number; successes: number; days: number }>

/** What the commands of tests need of others. */
export type TestParts = Readonly<{
  expressions: Pick<Expressions, 'check'>
  /** The traffic of a prompt, as far as the caller may see it. */
  traffic(promptId: string, ctx: Ctx): Promise<Traffic>
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
