import type { Ctx } from '../../../core/context.ts'
import type { IntakeAnswer } from '../../../core/intake.ts'
import type { Span } from '../model/otlp.ts'
import { mapSpan } from '../model/otlp-mapping.ts'

export type SpanCounts = {
  /** Uses that are stored now. */
  accepted: number
  /** Such as were told before. */
  duplicates: number
  /** Spans that are not of a prompt. */
  ignored: number
  rejected: number
  /** Why, each reason once, with how many it is about. */
  reasons: Map<string, number>
}

/** Uses in one go, as a caller of `POST /analytics/usage` may send them. */
const atOnce = 1_000

/**
 * Take spans of the use of prompts as uses: after the commit. A span that is sent again counts once; one that is not of a
 * prompt is passed over; one that cannot be counted is rejected by itself.
 * @param recordUsage takes uses @throws what it throws; what was taken before is a duplicate when all is sent again
 */
export const recordSpans =
  (recordUsage: (body: Readonly<Record<string, unknown>>, ctx: Ctx) => Promise<IntakeAnswer>) =>
  async (spans: Iterable<Span>, ctx: Ctx): Promise<SpanCounts> => {
    const counts: SpanCounts = { accepted: 0, duplicates: 0, ignored: 0, rejected: 0, reasons: new Map() }
    const reject = (reason: string) => {
      counts.rejected++
      counts.reasons.set(reason, (counts.reasons.get(reason) ?? 0) + 1)
    }
    let items: Record<string, unknown>[] = []
    const flush = async () => {
      if (items.length === 0) return
      const { accepted, duplicates, errors = [] } = await recordUsage({ items }, ctx)
      items = []
      counts.accepted += accepted
      counts.duplicates += duplicates
      for (const { problem } of errors) reject(problem.detail)
    }
    for (const span of spans) {
      const mapped = mapSpan(span)
      if (mapped === 'ignored') counts.ignored++
      else if ('rejected' in mapped) reject(mapped.rejected)
      else items.push(mapped.use)
      if (items.length >= atOnce) await flush()
    }
    await flush()
    return counts
  }
