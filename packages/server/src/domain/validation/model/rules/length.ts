import type { Rule } from '../rule.ts'
import { spanOf } from '../subject.ts'

/** Tokens above which a prompt is long. Of 3,992 real prompts 35 have more. */
const longTokens = 4_000

/** A prompt so long that parts of it are likely to be overlooked, and that each call pays for. */
export const overLong: Rule = {
  id: 'length/over-long',
  kind: 'over_long',
  severity: 'info',
  check({ tokens, passages }) {
    if (tokens <= longTokens) return []
    const longest = passages.reduce((most, passage) => (passage.text.length > most.text.length ? passage : most), passages[0]!)
    return [
      {
        confidence: tokens > 4 * longTokens ? 0.9 : 0.6,
        reason: `The prompt has ${tokens} tokens; instructions in the middle of more than ${longTokens} are easily overlooked, and each call pays for them. Take out what does not change the answer.`,
        evidence: { tokens, limit: longTokens },
        span: spanOf(longest, 0, longest.text.length),
      },
    ]
  },
}
