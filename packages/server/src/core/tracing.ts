/** What a span tells. No prompt, no variable, no key and no address with names in it may stand here. */
export type SpanAttributes = Readonly<Record<string, string | number>>
export type SpanSpec = Readonly<{
  name: string
  kind: 'server' | 'client' | 'consumer'
  /** The W3C `traceparent` of what it is part of; without it a trace of its own begins. */
  parent?: string | undefined
  attributes: SpanAttributes
  /** When it began, as `performance.now()` tells; now, without it. */
  startedAt?: number
}>

export type Span = Readonly<{
  /** For what is part of this span. */
  traceparent: string
  /** @param error a class of failure, such as `500` or an error's name; absent: it went well */
  end(attributes: SpanAttributes, error?: string): void
}>

/** What core asks of whoever collects traces; where it is absent, nobody does. */
export type Tracing = Readonly<{ start(spec: SpanSpec): Span }>

/** Work within a span. @param work gets the `traceparent` to hand on */
export async function traced<T>(tracing: Tracing, spec: SpanSpec, work: (traceparent: string) => Promise<T>): Promise<T> {
  const span = tracing.start(spec)
  try {
    const result = await work(span.traceparent)
    span.end({})
    return result
  } catch (error) {
    span.end({}, error instanceof Error ? error.name : typeof error)
    throw error
  }
}
