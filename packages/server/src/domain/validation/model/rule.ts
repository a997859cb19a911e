import type { Span, Subject } from './subject.ts'

/** error: it will not work; warning: it is likely a mistake; info: it could be better. */
export const severities = ['error', 'warning', 'info'] as const
export type Severity = (typeof severities)[number]

/** What a check says of one place, or of the whole prompt where there is no span. */
export type Observation = Readonly<{
  /** From 0 to 1: how sure the rule is. */
  confidence: number
  reason: string
  /** What it was concluded from. `text` is what stands at the span. */
  evidence: Readonly<Record<string, unknown>>
  span?: Span
  /** What to put in the place of the span. */
  suggestedText?: string
}>

/** A rule as a value. Its check is pure, takes time linear in the length of the subject, and never throws. */
export type Rule = Readonly<{
  /** Stable, `area/name`. */
  id: string
  kind: string
  severity: Severity
  check(subject: Subject): readonly Observation[]
}>

export type Finding = Observation & Readonly<{ rule: string; kind: string; severity: Severity }>

/** A rule says at most this much of one prompt: more of the same helps nobody. */
const maxPerRule = 20

/** Everything that rules say of a prompt: the gravest first, then the surest, then by place. */
export function findingsOf(subject: Subject, rules: readonly Rule[]): Finding[] {
  const found = rules.flatMap(({ id, kind, severity, check }) =>
    check(subject)
      .slice(0, maxPerRule)
      .map((observation): Finding => ({ ...observation, rule: id, kind, severity })),
  )
  const rank = ({ severity }: Finding) => severities.indexOf(severity)
  const place = ({ span }: Finding) => (span ? (span.message ?? 0) * 2 ** 24 + span.start : -1)
  return found.sort((a, b) => rank(a) - rank(b) || b.confidence - a.confidence || place(a) - place(b))
}
