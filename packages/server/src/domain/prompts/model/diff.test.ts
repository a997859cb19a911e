import { applyPatch } from 'diff'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { diffVersions, type VersionDiff } from './diff.ts'
import type { Version } from './shapes.ts'

const version = (content: Version['content']): Version => ({
  ...{
    version: 1,
    engine: 'mustache',
    content,
    variables: [],
    config: {},
    changeSummary: null,
    changeType: 'update',
    approvals: [],
    labels: [],
  },
  ...{ metadata: {}, createdBy: '', createdAt: '', checksum: JSON.stringify(content) },
})
const joined = (hunks: VersionDiff['hunks']) => {
  const without = (kind: string) => hunks.flatMap((hunk) => (hunk.kind === kind ? [] : [hunk.text])).join('')
  return [without('added'), without('removed')]
}

const words = fc.array(
  fc.oneof(
    fc.constantFrom('the', 'prompt', '{{x}}', ' ', '  ', '\n', '\r\n', '\r', '\t', '.', '日本', '🙂', 'é', '\u00a0'),
    fc.string({ unit: 'grapheme', maxLength: 4 }),
  ),
  { maxLength: 60 },
)

test('the words of a diff make both texts again', () => {
  fc.assert(
    fc.property(words, words, (a, b) => {
      const [before, after] = [a.join(''), b.join('')]
      expect(joined(diffVersions(version(before), version(after)).hunks)).toEqual([before, after])
    }),
    { numRuns: 500 },
  )
})

test('texts of 1 MiB that have nothing in common are compared by lines, or as wholes, and make both again', () => {
  const text = (seed: number) =>
    Array.from({ length: 300_000 }, (_, i) => ((i * seed) % 99_991).toString(36))
      .join(seed % 2 ? ' ' : '\n')
      .slice(0, 1024 * 1024)
  const [before, after] = [text(7919), text(104_728)]
  expect([before.length, after.length]).toEqual([1024 * 1024, 1024 * 1024])
  const { granularity, unified, hunks } = diffVersions(version(before), version(after))
  expect(joined(hunks).map((side, i) => side === [before, after][i])).toEqual([true, true])
  expect(granularity).toBe('line')
  expect(applyPatch(before, unified)).toBe(after)
})

test('chats are compared as what is said, with roles and placeholders', () => {
  const a = version([{ role: 'system', content: 'Be kind' }, { placeholder: 'history' }])
  const b = version([{ role: 'system', content: 'Be brief' }, { placeholder: 'history' }])
  const { unified } = diffVersions(a, b)
  expect(unified).toContain('-system: Be kind\n+system: Be brief\n')
  expect(unified).toContain(' [history]')
})
