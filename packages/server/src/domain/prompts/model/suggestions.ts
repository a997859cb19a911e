import { type Static, Type } from 'typebox'
import { FreeJson, Nullable, Strict } from '../../../core/schemas.ts'
import { parseContent, plainText, templateTexts } from './content.ts'
import { type Body, VersionNumber, Warning } from './shapes.ts'
import { countTokens } from './tokens.ts'

const Span = Strict(
  {
    pointer: Type.String({ description: 'The text in the prompt (RFC 6901), such as /content or /content/0/content' }),
    message: Nullable(Type.Integer({ minimum: 0 }), { description: 'Which message of a chat; null for a text' }),
    start: Type.Integer({ minimum: 0, description: 'Offset in that text, in UTF-16 units' }),
    end: Type.Integer({ minimum: 0, description: 'The offset behind its last character' }),
  },
  { description: 'Where; absent when it is about the whole prompt' },
)
export const Suggestion = Strict(
  {
    kind: Type.String({
      description: 'unused_variable, undefined_variable, missing_output_format, over_long, duplicated_paragraph, vague_word, …',
    }),
    rule: Type.String({ description: 'Which rule says so' }),
    severity: Type.Enum(['error', 'warning', 'info']),
    confidence: Type.Number({ minimum: 0, maximum: 1, description: 'How sure the rule is' }),
    reason: Type.String({ description: 'What is wrong, and what to do' }),
    span: Type.Optional(Span),
    suggestedText: Type.Optional(Type.String({ description: 'What to put in the place of the span; empty: nothing' })),
    evidence: FreeJson('What it was concluded from; `text` is what stands at the span'),
  },
  { $id: 'Suggestion' },
)
export type Suggestion = Static<typeof Suggestion>
export const Suggestions = Strict({
  version: VersionNumber,
  items: Type.Array(Suggestion, { description: 'The gravest first, then the surest' }),
  warnings: Type.Optional(Type.Array(Warning, { description: 'What to know about this answer, such as that there is no model to ask' })),
})

/** Said to who asks for suggestions of a language model where there is none. */
export const noModel: Static<typeof Warning> = {
  code: 'llm.off',
  detail: 'No language model is set up: these suggestions come from rules alone.',
}

/** What is told of a prompt to whoever looks for faults in it. */
export type LintSubject = Readonly<{
  engine: Body['engine']
  passages: readonly Readonly<{ pointer: string; message: number | null; role: string | null; text: string }>[]
  variables: readonly Readonly<{ name: string }>[]
  uses: readonly string[]
  hasIncludes: boolean
  tokens: number
  config: Readonly<Record<string, unknown>>
}>
/** Looks for faults in a prompt. Pure. Another context knows how; `app.ts` passes it. */
export type Lint = (subject: LintSubject) => readonly Suggestion[]

/** A body, taken apart for a lint. */
export function lintSubject({
  engine,
  content,
  variables,
  config,
}: Pick<Body, 'engine' | 'content' | 'variables' | 'config'>): LintSubject {
  const { uses, includes, placeholders } = parseContent(engine, content)
  const passages = templateTexts(content).map(({ pointer, text }) => {
    const message = typeof content === 'string' ? null : Number(pointer.split('/')[2])
    const said = typeof content === 'string' || message === null ? undefined : content[message]
    return { pointer, message, role: said && 'role' in said ? said.role : null, text }
  })
  return {
    engine,
    passages,
    variables,
    uses: [...uses.map(({ name }) => name), ...placeholders],
    hasIncludes: includes.length > 0,
    tokens: countTokens(plainText(content)),
    config,
  }
}
