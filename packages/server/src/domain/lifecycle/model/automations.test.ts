import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isAppError } from '../../../core/errors.ts'
import type { Action } from './automations.ts'
import { conditionVariables, type Examined, factsOf } from './automations-facts.ts'
import { isApplicable, verdictOf, versionFor } from './automations-runs.ts'
import { nextTime, parseSchedule } from './automations-schedule.ts'
import { matchRules, tagOf } from './automations-set.ts'

describe('a schedule', () => {
  test.each([
    // expression, after, next
    ['0 3 * * *', '2026-01-31T02:59:59.999Z', '2026-01-31T03:00:00.000Z'],
    ['0 3 * * *', '2026-01-31T03:00:00.000Z', '2026-02-01T03:00:00.000Z'],
    ['*/15 * * * *', '2026-01-31T23:45:00.000Z', '2026-02-01T00:00:00.000Z'],
    ['5/20 8-10 * * *', '2026-01-31T10:46:00.000Z', '2026-02-01T08:05:00.000Z'],
    ['30 12 29 2 *', '2026-01-01T00:00:00.000Z', '2028-02-29T12:30:00.000Z'],
    ['30 12 29 2 *', '2096-03-01T00:00:00.000Z', '2104-02-29T12:30:00.000Z'],
    ['0 0 31 * *', '2026-02-01T00:00:00.000Z', '2026-03-31T00:00:00.000Z'],
    ['0 6 * * 1-5', '2026-01-02T07:00:00.000Z', '2026-01-05T06:00:00.000Z'],
    ['0 6 * * 7', '2026-01-01T00:00:00.000Z', '2026-01-04T06:00:00.000Z'],
    ['0 6 1 * 1', '2026-01-02T00:00:00.000Z', '2026-01-05T06:00:00.000Z'],
    ['0 6 1 * 1', '2026-01-31T00:00:00.000Z', '2026-02-01T06:00:00.000Z'],
    ['0 6 */10 * 1', '2026-01-02T00:00:00.000Z', '2026-05-11T06:00:00.000Z'],
    ['0,30 1,2 1 1,7 *', '2026-01-01T02:30:00.000Z', '2026-07-01T01:00:00.000Z'],
  ])('%s is due after %s at %s', (text, after, next) => expect(nextTime(parseSchedule(text), after)).toBe(next))

  test.each([
    ['', 'five fields'],
    ['0 3 * *', 'five fields'],
    ['0 3 * * * *', 'five fields'],
    ['60 3 * * *', '"60" is no minute'],
    ['0 24 * * *', '"24" is no hour'],
    ['0 3 0 * *', '"0" is no day of the month'],
    ['0 3 * 13 *', '"13" is no month'],
    ['0 3 * * 8', '"8" is no day of the week'],
    ['0 3 * JAN *', '"JAN" is no month'],
    ['0 5-3 * * *', '"5-3" is no hour'],
    ['*/0 3 * * *', '"*/0" is no minute'],
    ['0 3,, * * *', '"" is no hour'],
    ['@daily', 'five fields'],
    ['* * * * *', 'at most 4 times an hour'],
    ['*/12 * * * *', 'at most 4 times an hour'],
    ['0 3 31 2,4,6 *', 'no such day'],
  ])('"%s" is refused: %s', (text, detail) => {
    try {
      parseSchedule(text)
      expect.unreachable()
    } catch (error) {
      expect(isAppError(error) && [error.kind.code, error.detail]).toEqual(['automation.schedule_invalid', expect.stringContaining(detail)])
    }
  })

  const list = (from: number, to: number, maxLength: number) =>
    fc.oneof(
      fc.constant('*'),
      fc.uniqueArray(fc.integer({ min: from, max: to }), { minLength: 1, maxLength }).map((values) => values.join()),
    )
  test('is always due later than the moment asked for, on a whole minute that fits, and at none in between', () => {
    const at = fc.integer({ min: Date.UTC(2020, 0, 1), max: Date.UTC(2040, 0, 1) })
    const minutes = fc.uniqueArray(fc.integer({ min: 0, max: 59 }), { minLength: 1, maxLength: 4 }).map((values) => values.join())
    fc.assert(
      fc.property(fc.tuple(minutes, list(0, 23, 3), list(1, 28, 3), list(1, 12, 3), list(0, 7, 3)), at, (fields, ms) => {
        const schedule = parseSchedule(fields.join(' '))
        const next = Date.parse(nextTime(schedule, new Date(ms).toISOString()))
        const fits = (time: number) => {
          const date = new Date(time)
          const days = [schedule.days.includes(date.getUTCDate()), schedule.weekdays.includes(date.getUTCDay())]
          return (
            schedule.minutes.includes(date.getUTCMinutes()) &&
            schedule.hours.includes(date.getUTCHours()) &&
            schedule.months.includes(date.getUTCMonth() + 1) &&
            (schedule.eitherDay ? days.some(Boolean) : days.every(Boolean))
          )
        }
        expect([next > ms, next % 60_000, fits(next)]).toEqual([true, 0, true])
        const looked = Math.max(Math.floor(ms / 60_000) * 60_000, next - 3 * 86_400_000)
        for (let time = looked + 60_000; time < next; time += 60_000) if (fits(time)) expect(new Date(time).toISOString()).toBe('not due')
      }),
      { numRuns: 40 },
    )
  })
})

const prompt: Examined = {
  status: 'published',
  category: 'c',
  name: 'n',
  tags: ['t'],
  isTemplate: false,
  metadata: { team: 'x' },
  versions: 3,
  labels: { production: 2, staging: 3 },
  includedBy: 1,
  createdAt: '2026-01-01T00:00:00.000Z',
  updatedAt: '2026-03-01T00:00:00.000Z',
  lastServedAt: null,
  watchedSince: '2026-02-01T00:00:00.000Z',
}
const now = '2026-04-11T12:00:00.000Z'

describe('what a condition knows', () => {
  test('is all that is documented, and nothing else', () =>
    expect(Object.keys(factsOf(prompt, undefined, now))).toEqual(Object.keys(conditionVariables)))

  test.each([
    [
      'a prompt that was never served',
      {},
      undefined,
      { ageDays: 100, daysSinceChange: 41, daysSinceUse: null, watchedDays: 69, unusedDays: 69 },
    ],
    ['one that was', { lastServedAt: '2026-04-09T13:00:00.000Z' }, undefined, { daysSinceUse: 1, unusedDays: 1, watchedDays: 69 }],
    [
      'one that is younger than the watch',
      { createdAt: '2026-04-01T12:00:00.000Z' },
      undefined,
      { ageDays: 10, watchedDays: 10, unusedDays: 10 },
    ],
    ['one that never moved', {}, undefined, { statusAgeDays: 100 }],
    ['one that moved', {}, '2026-04-01T12:00:00.001Z', { statusAgeDays: 9 }],
    [
      'clocks that were set back',
      { createdAt: '2027-01-01T00:00:00.000Z', lastServedAt: '2027-01-01T00:00:00.000Z' },
      '2027-01-01T00:00:00.000Z',
      { ageDays: 0, statusAgeDays: 0, daysSinceUse: 0, unusedDays: 0, watchedDays: 0 },
    ],
  ])('of %s', (_, fields, movedAt, expected) => expect(factsOf({ ...prompt, ...fields }, movedAt, now)).toMatchObject(expected))
})

describe('whether there is anything to do', () => {
  const status = (to: string) => ({ kind: 'move_status', status: to }) as Action
  const label = (name: string, to: number | string) => ({ kind: 'move_label', label: name, to }) as Action
  test.each<[Action, boolean]>([
    [status('deprecated'), true],
    [status('published'), false],
    [status('archived'), false],
    [label('production', 3), true],
    [label('production', 2), false],
    [label('production', 'staging'), true],
    [label('production', 'latest'), true],
    [label('staging', 'latest'), false],
    [label('canary', 1), true],
    [label('canary', 4), false],
    [label('canary', 'toString'), false],
    [label('constructor', 'latest'), true],
    [{ kind: 'revert_label', label: 'production' }, true],
    [{ kind: 'revert_label', label: 'canary' }, false],
    [{ kind: 'notify', message: 'm' }, true],
  ])('%j: %s', (action, expected) => expect(isApplicable(action, prompt)).toBe(expected))

  test('a version is a number that is there, that of a label, or the newest', () =>
    expect([
      versionFor(3, prompt),
      versionFor(4, prompt),
      versionFor('staging', prompt),
      versionFor('none', prompt),
      versionFor('latest', prompt),
    ]).toEqual([3, undefined, 3, undefined, 3]))

  test('a run fails only when its condition could be evaluated for nothing', () =>
    expect(
      [
        [0, 0],
        [3, 2],
        [3, 3],
      ].map(([examined, conditionErrors]) => verdictOf({ examined: examined!, conditionErrors: conditionErrors! })),
    ).toEqual(['succeeded', 'succeeded', 'failed']))
})

describe('rules that are sent', () => {
  const known = ['a', 'b'].map((name) => ({ id: `id of ${name}`, rule: { name } as never }))
  const ids = (sent: { id?: string; name: string }[]) => matchRules(known, sent).map((one) => one?.id)
  test.each([
    ['by name', [{ name: 'b' }, { name: 'c' }], ['id of b', undefined]],
    ['by id, under another name', [{ id: 'id of a', name: 'z' }], ['id of a']],
    ['by id, though the name is that of another', [{ id: 'id of a', name: 'b' }], ['id of a']],
    ['and an id is not taken by a name as well', [{ id: 'id of a', name: 'b' }, { name: 'a' }], ['id of a', undefined]],
    [
      'with names exchanged',
      [
        { id: 'id of a', name: 'b' },
        { id: 'id of b', name: 'a' },
      ],
      ['id of a', 'id of b'],
    ],
  ])('are known %s', (_, sent, expected) => expect(ids(sent)).toEqual(expected))

  test.each([
    [[{ name: 'x' }, { name: 'x' }], 'automation.name_taken', '/items/1/name'],
    [
      [
        { id: 'id of a', name: 'x' },
        { id: 'id of a', name: 'y' },
      ],
      'automation.name_taken',
      '/items/1/name',
    ],
    [[{ id: 'nobody', name: 'x' }], 'automation.invalid', '/items/0/id'],
  ])('%j are refused: %s', (sent, code, pointer) => {
    try {
      ids(sent)
      expect.unreachable()
    } catch (error) {
      expect(isAppError(error) && [error.kind.code, error.extras.errors?.[0]?.pointer]).toEqual([code, pointer])
    }
  })

  test('have a tag that tells every change of them', () => {
    const tags = [
      [],
      [{ id: 'a', revision: 1 }],
      [{ id: 'a', revision: 2 }],
      [
        { id: 'a', revision: 1 },
        { id: 'b', revision: 1 },
      ],
    ].map(tagOf)
    expect(new Set(tags).size).toBe(tags.length)
  })
})
