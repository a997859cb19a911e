import { describe, expect, test } from 'vitest'
import { cases, differences } from '../testing/vectors.ts'
import { analyze, kinds } from './analyze.ts'

describe('the public vectors', () => {
  test('have a case of every kind but those of our own, and every kind is known', () => {
    const met = new Set(cases.map(({ kind }) => kind))
    expect([...met].filter((kind) => !Object.hasOwn(kinds, kind))).toEqual([])
    expect(Object.keys(kinds).filter((kind) => !met.has(kind))).toEqual(['bayesian-cuped'])
    expect(cases.length).toBe(58)
  })

  test.each(cases)('$kind $name is answered within its tolerance', ({ kind, inputs, expected, tolerance }) => {
    expect(differences(analyze({ kind, inputs }), expected, tolerance)).toEqual([])
  })
})
