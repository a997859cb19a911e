import { type ChangeObject, diffLines, diffWordsWithSpace, formatPatch, type StructuredPatch, structuredPatch } from 'diff'
import { type Static, Type } from 'typebox'
import { Strict } from '../../../core/schemas.ts'
import { sameJson } from './checksum.ts'
import { plainText } from './content.ts'
import { Variable, type Version, VersionNumber } from './shapes.ts'
import { countTokens } from './tokens.ts'

const Names = Type.Array(Type.String())
export const VersionDiff = Strict(
  {
    from: VersionNumber,
    to: VersionNumber,
    identical: Type.Boolean({ description: 'Both have the same checksum' }),
    unified: Type.String({ description: 'Unified diff of the text, line by line' }),
    hunks: Type.Array(Strict({ kind: Type.Enum(['equal', 'added', 'removed']), text: Type.String() }), {
      description: 'Word by word; the texts of equal and removed hunks make version a, those of equal and added version b',
    }),
    granularity: Type.Enum(['word', 'line'], { description: 'line when two long texts differ too much for words' }),
    variables: Strict({ added: Type.Array(Variable), removed: Type.Array(Variable), changed: Names }),
    config: Strict({ added: Names, removed: Names, changed: Names }),
    engine: Strict({ from: Type.String(), to: Type.String() }),
    tokens: Strict({ from: Type.Integer(), to: Type.Integer(), delta: Type.Integer() }),
  },
  { $id: 'VersionDiff' },
)
export type VersionDiff = Static<typeof VersionDiff>

/** How long, in milliseconds, texts are compared before something coarser must do: the process serves nobody meanwhile. */
const budget = { timeout: 300 }

/** What changed from one version to another. Bounded in time: two texts of 1 MiB take about a second at most. */
export function diffVersions(a: Version, b: Version): VersionDiff {
  const [before, after] = [plainText(a.content), plainText(b.content)]
  const words = diffWordsWithSpace(before, after, budget)
  const lines = diffLines(before, after, budget)
  const [from, to] = [countTokens(before), countTokens(after)]
  return {
    from: a.version,
    to: b.version,
    identical: a.checksum === b.checksum,
    unified: unifiedDiff(a.version, b.version, before, after, lines !== undefined),
    hunks: (words ?? lines ?? wholly(before, after)).map(hunk),
    granularity: words ? 'word' : 'line',
    variables: diffVariables(a.variables, b.variables),
    config: diffKeys(a.config, b.config),
    engine: { from: a.engine, to: b.engine },
    tokens: { from, to, delta: to - from },
  }
}

/** @param comparable false: the lines differ too much to be compared in time, so all are taken out and put in */
function unifiedDiff(a: number, b: number, before: string, after: string, comparable: boolean): string {
  const headers = [`version ${a}`, `version ${b}`] as const
  const compared = comparable ? structuredPatch('content', 'content', before, after, ...headers, { ...budget, context: 3 }) : undefined
  return formatPatch(compared ?? { ...wholePatch(before, after), oldHeader: headers[0], newHeader: headers[1] })
}

function wholePatch(before: string, after: string): Omit<StructuredPatch, 'oldHeader' | 'newHeader'> {
  const [removed, added] = [before, after].map((text) => (text === '' ? [] : text.replace(/\n$/, '').split('\n'))) as [string[], string[]]
  const signed = (lines: string[], sign: string, text: string) => [
    ...lines.map((line) => sign + line),
    ...(text === '' || text.endsWith('\n') ? [] : ['\\ No newline at end of file']),
  ]
  const lines = signed(removed, '-', before).concat(signed(added, '+', after))
  const whole = { oldStart: 1, oldLines: removed.length, newStart: 1, newLines: added.length, lines }
  return { oldFileName: 'content', newFileName: 'content', hunks: [whole] }
}

const hunk = ({ added, removed, value }: ChangeObject<string>): VersionDiff['hunks'][number] => ({
  kind: added ? 'added' : removed ? 'removed' : 'equal',
  text: value,
})

const wholly = (before: string, after: string): ChangeObject<string>[] => [
  { value: before, added: false, removed: true, count: 1 },
  { value: after, added: true, removed: false, count: 1 },
]

function diffVariables(a: readonly Variable[], b: readonly Variable[]): VersionDiff['variables'] {
  const { added, removed, changed } = diffKeys(byName(a), byName(b))
  const named = (names: readonly string[], from: readonly Variable[]) => from.filter(({ name }) => names.includes(name))
  return { added: named(added, b), removed: named(removed, a), changed }
}

const byName = (variables: readonly Variable[]) => Object.fromEntries(variables.map((v) => [v.name, v]))

function diffKeys(a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>) {
  return {
    added: Object.keys(b).filter((key) => !Object.hasOwn(a, key)),
    removed: Object.keys(a).filter((key) => !Object.hasOwn(b, key)),
    changed: Object.keys(a).filter((key) => Object.hasOwn(b, key) && !sameJson(a[key], b[key])),
  }
}
