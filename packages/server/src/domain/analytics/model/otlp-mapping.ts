import type { Attribute, Span } from './otlp.ts'

type Reading = 'text' | 'number' | 'seconds'
type Source = Readonly<{ from: readonly string[]; read: Reading; of?: 'resource' }>

/**
 * From which attributes of a span the fields of a use come: the first that is there counts. The names of OpenTelemetry's
 * semantic conventions for generative AI (gen-ai/1.42), those of earlier releases, the common ones of other
 * instrumentations, and our own (`prompt_store.*`).
 */
const mapping = {
  promptId: { from: ['prompt_store.prompt_id', 'prompt_store.prompt.id', 'prompt.id'], read: 'text' },
  prompt: { from: ['prompt_store.prompt', 'gen_ai.prompt.name'], read: 'text' },
  version: { from: ['prompt_store.version', 'prompt_store.prompt.version', 'prompt.version', 'gen_ai.prompt.version'], read: 'number' },
  label: { from: ['prompt_store.label', 'prompt_store.prompt.label', 'prompt.label'], read: 'text' },
  provider: { from: ['gen_ai.provider.name', 'gen_ai.system'], read: 'text' },
  model: { from: ['gen_ai.response.model', 'gen_ai.request.model'], read: 'text' },
  operation: { from: ['gen_ai.operation.name'], read: 'text' },
  inputTokens: { from: ['gen_ai.usage.input_tokens', 'gen_ai.usage.prompt_tokens'], read: 'number' },
  outputTokens: { from: ['gen_ai.usage.output_tokens', 'gen_ai.usage.completion_tokens'], read: 'number' },
  cachedTokens: { from: ['gen_ai.usage.cache_read.input_tokens', 'gen_ai.usage.cached_tokens'], read: 'number' },
  timeToFirstTokenMs: { from: ['gen_ai.response.time_to_first_chunk', 'gen_ai.server.time_to_first_token'], read: 'seconds' },
  costUsd: { from: ['prompt_store.cost_usd', 'gen_ai.usage.cost'], read: 'number' },
  errorType: { from: ['error.type'], read: 'text' },
  userId: { from: ['user.id', 'enduser.id'], read: 'text' },
  sessionId: { from: ['gen_ai.conversation.id', 'session.id'], read: 'text' },
  testId: { from: ['prompt_store.test_id', 'prompt_store.experiment.id'], read: 'text' },
  unitId: { from: ['prompt_store.unit_id', 'prompt_store.experiment.unit'], read: 'text' },
  variant: { from: ['prompt_store.variant', 'prompt_store.experiment.variant'], read: 'text' },
  service: { from: ['service.name'], read: 'text', of: 'resource' },
} as const satisfies Readonly<Record<string, Source>>

/** A span with any of these tells of generative AI. */
const marks = ['gen_ai.operation.name', 'gen_ai.provider.name', 'gen_ai.system', 'gen_ai.request.model', 'gen_ai.response.model']
/** Operations that are no call of a model: the calls within them have spans of their own, whose tokens they may add up. */
const around = new Set(['create_agent', 'invoke_agent', 'invoke_workflow', 'execute_tool', 'retrieval', 'plan'])

/** What a span says of a prompt: a use as `POST /analytics/usage` takes it, nothing, or why it cannot be counted. */
export type Mapped = Readonly<{ use: Record<string, unknown> }> | Readonly<{ rejected: string }> | 'ignored'

type Said = { -readonly [name in keyof typeof mapping]?: string | number }

const readers: Readonly<Record<Reading, (value: Attribute) => string | number | undefined>> = {
  text: (value) => (value === '' ? undefined : String(value)),
  number: (value) => (typeof value === 'string' && value.trim() !== '' ? Number(value) : typeof value === 'number' ? value : undefined),
  seconds: (value) => (typeof value === 'number' ? value * 1_000 : undefined),
}

function saidBy(span: Span): Said {
  const said: Said = {}
  for (const [name, { from, read, of }] of Object.entries(mapping) as [keyof typeof mapping, Source][])
    for (const attribute of from) {
      const value = (of === 'resource' ? span.resource : span.attributes).get(attribute)
      const plain = value === undefined ? undefined : readers[read](value)
      if (plain === undefined) continue
      said[name] = plain
      break
    }
  return said
}

/** Look at one span. */
export function mapSpan(span: Span): Mapped {
  if (!marks.some((mark) => span.attributes.has(mark))) return 'ignored'
  const said = saidBy(span)
  if ((said.promptId === undefined && said.prompt === undefined) || around.has(String(said.operation))) return 'ignored'
  const { traceId, spanId, start, end } = span
  if (traceId === undefined || spanId === undefined) return { rejected: 'The span has no valid traceId and spanId.' }
  if (start === undefined || end === undefined || end < start) return { rejected: 'The span has no start, or ends before it.' }
  for (const value of Object.values(said))
    if (typeof value === 'string' && (value.includes('\0') || !value.isWellFormed()))
      return { rejected: 'An attribute holds a NUL or half of a surrogate pair.' }
  const named = namedBy(said)
  if (!named)
    return { rejected: `"${String(said.prompt).slice(0, 80)}" is no name of a prompt: write category/name, or category/name@label.` }
  const { inputTokens, cachedTokens } = tokensOf(said)
  const { testId, unitId, variant } = said
  const milliseconds = Number(start / 1_000_000n)
  return {
    use: defined({
      ...named,
      eventId: `${traceId}-${spanId}`,
      traceId,
      occurredAt: milliseconds > 8.64e15 ? '' : new Date(milliseconds).toISOString(),
      latencyMs: Number(end - start) / 1e6,
      success: !span.failed && said.errorType === undefined,
      // A call that failed has no tokens, and may not have come to a model.
      provider: said.provider ?? 'unknown',
      model: said.model ?? 'unknown',
      inputTokens,
      outputTokens: said.outputTokens ?? 0,
      cachedTokens,
      timeToFirstTokenMs: said.timeToFirstTokenMs,
      costUsd: said.costUsd,
      errorType: said.errorType,
      userId: said.userId,
      sessionId: said.sessionId,
      operation: said.operation,
      service: String(said.service ?? 'unknown_service').startsWith('unknown_service') ? undefined : said.service,
      experiment: testId === undefined || unitId === undefined ? undefined : defined({ testId, unitId, variant }),
    }),
  }
}

/** More from the cache than went in means that the provider does not count the one in the other, as the conventions ask. */
function tokensOf({ inputTokens = 0, cachedTokens }: Said) {
  const [input, cached] = [Number(inputTokens), cachedTokens === undefined ? undefined : Number(cachedTokens)]
  return { inputTokens: cached !== undefined && cached > input ? input + cached : input, cachedTokens: cached }
}

const reference = /^(?:([^/@]+)\/)?([^/@]+)(?:@([^/@]+))?$/

/** Which prompt it was, its version and label: by id, or by `category/name`, `category/name@label`, `category/name@3`. */
function namedBy({ promptId, prompt, version, label }: Said) {
  if (promptId !== undefined) return { promptId: String(promptId).toLowerCase(), version, label }
  const [, category = 'general', name, pin] = reference.exec(String(prompt).trim()) ?? []
  if (name === undefined) return undefined
  try {
    const pinned = pin === undefined ? {} : /^[1-9]\d{0,8}$/.test(pin) ? { version: Number(pin) } : { label: decodeURIComponent(pin) }
    return { category: decodeURIComponent(category), name: decodeURIComponent(name), ...defined({ version, label }), ...pinned }
  } catch {
    return undefined // a percent sign that encodes nothing
  }
}

const defined = (fields: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
