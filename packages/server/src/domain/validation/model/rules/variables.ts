import type { Observation, Rule } from '../rule.ts'
import { firstMatches, type Passage, type Subject, spanOf, withoutCode } from '../subject.ts'

/** A declared variable that the text does not use. What a prompt includes may use its variables: then nothing can be said. */
export const unusedVariable: Rule = {
  id: 'variables/unused',
  kind: 'unused_variable',
  severity: 'warning',
  check({ variables, uses, hasIncludes, engine }) {
    if (hasIncludes) return []
    const used = new Set(uses)
    return variables
      .filter(({ name }) => !used.has(name))
      .map(({ name }) => ({
        confidence: 0.95,
        reason:
          engine === 'none'
            ? `"${name}" is declared, and with the engine "none" no variable is filled in. Choose an engine, or take the variable out.`
            : `"${name}" is declared and the text does not use it. Use it, or take it out.`,
        evidence: { name },
      }))
  },
}

/** Places of one kind in one text that are told. */
const most = 20

type Syntax = Readonly<{ pattern: RegExp; confidence: number; name: (found: RegExpExecArray) => string }>

/** How other systems write a place to fill in, which no engine here does. */
const foreign: readonly Syntax[] = [
  { pattern: /\$\{([A-Za-z][\w -]{0,60})(?::[^{}\n]{0,500})?\}/g, confidence: 0.9, name: ([, name]) => name!.trim() },
  {
    pattern: /\[\s*((?:insert|enter|your|add|fill in|put|specify)\s[^\][\n(){}]{1,80})\](?!\()/gi,
    confidence: 0.8,
    name: ([, name]) => name!.replace(/^(insert|enter|add|fill in|put|specify)\s+/i, '').trim(),
  },
  {
    pattern: /<\s*((?:insert|enter|your)[\s_][^<>\n]{1,80})>/gi,
    confidence: 0.8,
    name: ([, name]) => name!.replace(/^(insert|enter)[\s_]+/i, '').trim(),
  },
]
/** What an engine would fill, in a text that has none. */
const templated: Syntax = { pattern: /\{\{\s*([A-Za-z][\w.]{0,60})\s*\}\}/g, confidence: 0.9, name: ([, name]) => name! }

/** Something that is to be filled in, and that the engine of the prompt does not know or nobody declared. */
export const undefinedVariable: Rule = {
  id: 'variables/undefined',
  kind: 'undefined_variable',
  severity: 'warning',
  check(subject) {
    const syntaxes = subject.engine === 'none' ? [...foreign, templated] : foreign
    return [
      ...undeclared(subject),
      ...subject.passages.flatMap((passage) => syntaxes.flatMap((syntax) => leftAlone(passage, syntax, subject))),
    ]
  },
}

const undeclared = ({ uses, variables }: Subject): Observation[] => {
  const declared = new Set(variables.map(({ name }) => name))
  return [...new Set(uses)]
    .filter((name) => !declared.has(name))
    .map((name) => ({
      confidence: 0.95,
      reason: `The text uses "${name}", which is not declared. Declare it, so that callers know what to send.`,
      evidence: { name },
    }))
}

function leftAlone(passage: Passage, { pattern, confidence, name: nameOf }: Syntax, { engine }: Subject): Observation[] {
  return firstMatches(withoutCode(passage.text), pattern, most).map((found): Observation => {
    const [text] = found
    const name = nameOf(found)
    const variable = name.replace(/[^\p{L}\p{N}]+/gu, '_').replace(/^_+|_+$/g, '')
    const fills = engine !== 'none' && variable !== ''
    return {
      confidence,
      reason: `"${text}" looks like a place to fill in, and stays as it is: ${engine === 'none' ? 'the engine "none" fills nothing in' : `${engine} writes variables as {{name}}`}.`,
      evidence: { name, text },
      span: spanOf(passage, found.index, found.index + text.length),
      ...(fills && { suggestedText: `{{${variable}}}` }),
    }
  })
}
