import { describe, expect, test } from 'vitest'
import { isAppError } from '../../../core/errors.ts'
import { type FreezeWindow, freezeOf, frozenBy } from './freeze.ts'

const reason = 'Quiet'
const once = (from: string, to: string): FreezeWindow => ({ from, to, reason })
type Weekly = Extract<FreezeWindow, { days: unknown }>
const weekly = (days: Weekly['days'], from: string, to: string, timeZone = 'Europe/Berlin'): FreezeWindow => ({
  days,
  from,
  to,
  timeZone,
  reason,
})
const weekdays: Weekly['days'] = ['mon', 'tue', 'wed', 'thu', 'fri']
const nights = weekly(weekdays, '18:00', '06:00')
const sunday = weekly(['sun'], '00:00', '24:00')
const office = weekly(weekdays, '09:00', '17:00', 'America/New_York')
const changeOver = weekly(['sun'], '02:30', '02:45')

describe('a moment is frozen', () => {
  test.each<[string, FreezeWindow, boolean, string]>([
    ['2026-12-24T00:00:00.000Z', once('2026-12-24T00:00:00Z', '2027-01-02T00:00:00Z'), true, 'the first moment of a window is in it'],
    ['2026-12-23T23:59:59.999Z', once('2026-12-24T00:00:00Z', '2027-01-02T00:00:00Z'), false, 'the one before is not'],
    ['2027-01-01T23:59:59.999Z', once('2026-12-24T00:00:00Z', '2027-01-02T00:00:00Z'), true, 'nor is it over before its end'],
    ['2027-01-02T00:00:00.000Z', once('2026-12-24T00:00:00Z', '2027-01-02T00:00:00Z'), false, 'its end is not in it'],
    ['2026-06-01T09:30:00.000Z', once('2026-06-01T11:00:00+02:00', '2026-06-01T12:00:00+02:00'), true, 'offsets are understood'],
    ['2026-06-05T16:00:00.000Z', nights, true, 'Friday 18:00 in Berlin, in summer 16:00 UTC'],
    ['2026-06-05T15:59:59.999Z', nights, false, 'a millisecond before'],
    ['2026-01-09T16:59:59.999Z', nights, false, 'in winter it is an hour later'],
    ['2026-01-09T17:00:00.000Z', nights, true, 'Friday 18:00 in winter'],
    ['2026-06-06T03:59:59.999Z', nights, true, 'Saturday before 06:00 belongs to the night that began on Friday'],
    ['2026-06-06T04:00:00.000Z', nights, false, 'Saturday 06:00 it is over'],
    ['2026-06-06T20:00:00.000Z', nights, false, 'on Saturday none begins'],
    ['2026-06-08T02:00:00.000Z', nights, false, 'Monday 04:00: none began on Sunday'],
    ['2026-06-06T22:00:00.000Z', sunday, true, 'a whole day begins at its midnight'],
    ['2026-06-06T21:59:59.999Z', sunday, false, 'which is not that of UTC'],
    ['2026-06-07T21:59:59.999Z', sunday, true, 'and lasts to the last millisecond'],
    ['2026-06-07T22:00:00.000Z', sunday, false, 'and no longer'],
    ['2026-03-10T13:30:00.000Z', office, true, 'New York has changed its clock already, Berlin has not'],
    ['2026-03-06T13:30:00.000Z', office, false, 'a week before, 13:30 UTC was 08:30'],
    ['2026-03-29T01:30:00.000Z', changeOver, false, 'an hour that is skipped comes not at all: after 01:59 is 03:00'],
    ['2026-10-25T00:35:00.000Z', changeOver, true, 'an hour that comes twice is frozen the first time'],
    ['2026-10-25T01:35:00.000Z', changeOver, true, 'and the second time'],
    ['2026-10-25T01:50:00.000Z', changeOver, false, 'and over after both'],
  ])('%s: %o is %s, since %s', (at, window, expected) => expect(frozenBy([window], at) !== undefined).toBe(expected))

  test('and it is said why, and until when', () => {
    expect(frozenBy([nights], '2026-06-05T16:00:00.000Z')).toBe('Quiet (until 06:00, Europe/Berlin)')
    expect(frozenBy([sunday, once('2026-06-05T00:00:00Z', '2026-06-06T00:00:00Z')], '2026-06-05T16:00:00.000Z')).toBe(
      'Quiet (until 2026-06-06T00:00:00Z)',
    )
    expect(frozenBy([], '2026-06-05T16:00:00.000Z')).toBeUndefined()
  })
})

describe('windows', () => {
  test.each<[FreezeWindow, string]>([
    [once('2026-01-02T00:00:00Z', '2026-01-01T00:00:00Z'), '/freeze/0/to'],
    [once('2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z'), '/freeze/0/to'],
    [once('2026-01-01T25:00:00Z', '2026-02-01T00:00:00Z'), '/freeze/0/from'],
    [once('2026-01-01T00:00:00Z', '2026-02-01T00:99:00Z'), '/freeze/0/to'],
    [weekly(['mon'], '10:00', '10:00'), '/freeze/0/to'],
    [weekly(['mon'], '24:00', '10:00'), '/freeze/0/from'],
    [weekly(['mon'], '10:00', '11:00', 'Europe/Atlantis'), '/freeze/0/timeZone'],
  ])('%o makes no sense at %s', (window, pointer) => {
    let failure: unknown
    try {
      freezeOf([window])
    } catch (error) {
      failure = error
    }
    expect(isAppError(failure) && [failure.kind.code, failure.extras.errors?.[0]?.pointer]).toEqual(['policy.invalid', pointer])
  })

  test('are kept with times in UTC and each day once, in the order of the week', () => {
    expect(
      freezeOf([once('2026-06-01T11:00:00+02:00', '2026-06-01T12:00:00+02:00'), weekly(['sat', 'mon', 'sat'], '10:00', '11:00')]),
    ).toEqual([once('2026-06-01T09:00:00.000Z', '2026-06-01T10:00:00.000Z'), weekly(['mon', 'sat'], '10:00', '11:00')])
  })
})
