import { type Dimensions, flag } from './measurement.ts'

export type ExportFormat = 'ndjson' | 'csv'

/** A stored event with its series; the fields of the series are null beyond the limit of series. */
export type ExportedRow = { [K in keyof Dimensions]: Dimensions[K] | null } & Readonly<{
  occurredAt: string
  flags: number
  latencyUs: number
  ttftUs: number | null
  costMicros: number | null
  inputTokens: number
  outputTokens: number
  cachedTokens: number | null
  score: number | null
  userHash: string | null
  rest: Readonly<{ s?: string; t?: string; e?: string; u?: string; c?: string; x?: object; m?: object }> | null
}>

export const exportedColumns = [
  'occurredAt',
  'kind',
  'promptId',
  'version',
  'label',
  'provider',
  'model',
  'service',
  'variant',
  'operation',
  'inputTokens',
  'outputTokens',
  'cachedTokens',
  'latencyMs',
  'timeToFirstTokenMs',
  'success',
  'errorType',
  'costUsd',
  'score',
  'comment',
  'userHash',
  'userId',
  'sessionId',
  'traceId',
  'experiment',
  'metadata',
] as const
type Exported = Record<(typeof exportedColumns)[number], unknown>

/** An event as it is told; null where it said nothing. */
function exported(row: ExportedRow): Exported {
  const rated = (row.flags & flag.rating) !== 0
  const rest = row.rest ?? {}
  const said = (text: string | null) => text || null
  const used = <T>(value: T): T | null => (rated ? null : value)
  return {
    occurredAt: row.occurredAt,
    kind: rated ? 'satisfaction' : 'usage',
    promptId: row.promptId,
    version: row.version || null,
    label: said(row.label),
    provider: said(row.provider),
    model: said(row.model),
    service: said(row.service),
    variant: said(row.variant),
    operation: said(row.operation),
    inputTokens: used(row.inputTokens),
    outputTokens: used(row.outputTokens),
    cachedTokens: row.cachedTokens,
    latencyMs: used(row.latencyUs / 1_000),
    timeToFirstTokenMs: row.ttftUs === null ? null : row.ttftUs / 1_000,
    success: used((row.flags & flag.success) !== 0),
    errorType: rest.e ?? null,
    costUsd: row.costMicros === null ? null : row.costMicros / 1e6,
    score: row.score === null ? null : row.score / 10_000,
    comment: rest.c ?? null,
    userHash: row.userHash,
    userId: rest.u ?? null,
    sessionId: rest.s ?? null,
    traceId: rest.t ?? null,
    experiment: rest.x ?? null,
    metadata: rest.m ?? null,
  }
}

/** A field of CSV (RFC 4180). One that a spreadsheet would run is led by an apostrophe (OWASP, CSV injection). */
function field(value: unknown): string {
  if (value === null) return ''
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value)
  const harmless = typeof value === 'string' && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless
}

export function exportedLine(row: ExportedRow, format: ExportFormat): string {
  const told = exported(row)
  return format === 'ndjson' ? `${JSON.stringify(told)}\n` : `${exportedColumns.map((name) => field(told[name])).join()}\n`
}
