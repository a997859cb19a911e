import type { Ctx } from '../../../core/context.ts'
import type { WireRoute } from '../../../core/wire.ts'
import type { SpanCounts } from '../commands/record-spans.ts'
import { type Span, spansOf } from '../model/otlp.ts'
import { assertEncoding, decodeRequest, encodeFailure, encodeResponse, encodingOf } from '../model/otlp-wire.ts'

const mostReasons = 5

/** What an exporter writes into its log. */
function messageOf({ rejected, reasons }: SpanCounts): string {
  const told = [...reasons].slice(0, mostReasons).map(([reason, count]) => (count === 1 ? reason : `${reason} (${count} spans)`))
  const more = reasons.size > mostReasons ? ` And ${reasons.size - mostReasons} other reasons.` : ''
  return `${rejected} of the spans were not taken. ${told.join(' ')}${more}`
}

/**
 * OTLP/HTTP 1.x for traces: spans of generative AI that name a prompt are counted as uses of it. Others are taken and
 * passed over, without a word that exporters would log at each export: `X-Otlp-Spans` says how many of each there were.
 */
export const otlp = (record: (spans: Iterable<Span>, ctx: Ctx) => Promise<SpanCounts>): WireRoute[] => [
  {
    name: 'analytics.recordSpans',
    method: 'POST',
    path: '/otlp/v1/traces',
    access: 'analytics:write',
    load: 'measurement',
    bodyLimit: 8 * 1024 * 1024,
    async handle({ headers, body }, ctx) {
      const encoding = assertEncoding(headers['content-type'])
      const counts = await record(spansOf(decodeRequest(body, encoding)), ctx)
      const { accepted, duplicates, ignored, rejected } = counts
      const refused = rejected > 0 ? { rejectedSpans: rejected, errorMessage: messageOf(counts) } : undefined
      const written = encodeResponse(refused, encoding)
      return {
        status: 200,
        headers: {
          'Content-Type': written.type,
          'X-Otlp-Spans': `accepted=${accepted}, duplicates=${duplicates}, ignored=${ignored}, rejected=${rejected}`,
        },
        body: typeof written.body === 'string' ? written.body : Buffer.from(written.body),
      }
    },
    failed: ({ status, detail, code, requestId }, { headers }) =>
      encodeFailure(status, `${detail} (${code}, request ${requestId})`, encodingOf(headers['content-type']) ?? 'json'),
  },
]
