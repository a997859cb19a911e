import { expect, test } from 'vitest'
import { AppError, isAppError } from '../../core/errors.ts'
import { RequestInvalid, Unavailable } from '../../core/problem.ts'
import { isDatabaseAway, isRetryable, translate, violatedConstraint } from './failures.ts'

const coded = (code: string, message = 'of the database') => Object.assign(new Error(message), { code })

const away = [
  ...['ECONNREFUSED', 'ECONNRESET', 'ENOENT', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENOTFOUND', 'EAI_AGAIN'],
  ...[
    '08000',
    '08003',
    '08006',
    '08P01',
    '57P01',
    '57P02',
    '57P03',
    '57P05',
    '53000',
    '53100',
    '53200',
    '53300',
    '57014',
    '55P03',
    '25P03',
    '25P04',
  ],
]
test.each(away)('%s means that the database is away: 503 with Retry-After, and the reason for the log alone', (code) => {
  const error = coded(code, 'select secret from somewhere')
  expect(isDatabaseAway(error)).toBe(true)
  const translated = translate(error) as AppError
  expect([isAppError(translated, Unavailable), translated.extras.headers, translated.cause]).toEqual([true, { 'Retry-After': '1' }, error])
  expect(translated.detail).not.toContain('secret')
})

test.each([
  'Connection terminated unexpectedly',
  'Connection terminated due to connection timeout',
  'Connection terminated',
  'timeout exceeded when trying to connect',
  'Client has encountered a connection error and is not queryable',
  'Client was closed and is not queryable',
  'Query read timeout',
  'Cannot use a pool after calling end on the pool',
])('the driver’s "%s" means that the database is away', (message) => {
  expect(isAppError(translate(new Error(message)), Unavailable)).toBe(true)
})

test.each(['23505', '23503', '22P02', '42P01', '42501', '25P02', 'XX000', '57', '080061', 'constructor'])(
  '%s is the statement’s trouble and stays as it is',
  (code) => {
    const error = coded(code)
    expect([isDatabaseAway(error), translate(error)]).toEqual([false, error])
  },
)

test.each(['40001', '40P01'])('%s, met once too often, is 503: nothing was changed and it may be tried again', (code) => {
  expect([isDatabaseAway(coded(code)), isAppError(translate(coded(code)), Unavailable)]).toEqual([false, true])
})

test('an expected failure passes as it is, and what is no error at all does no harm', () => {
  const expected = new AppError(RequestInvalid, 'Connection terminated')
  expect(translate(expected)).toBe(expected)
  for (const odd of [undefined, null, 'text', 7, {}])
    expect([isDatabaseAway(odd), isRetryable(odd), translate(odd)]).toEqual([false, false, odd])
})

test('serialization failures and deadlocks ask for another try, and nothing else does', () => {
  expect(['40001', '40P01', '40002', '23505', '57014', 'ECONNRESET'].filter((code) => isRetryable(coded(code)))).toEqual(['40001', '40P01'])
})

test('a violated unique constraint is told by its name', () => {
  expect(violatedConstraint(Object.assign(coded('23505'), { constraint: 'prompt_by_name' }))).toBe('prompt_by_name')
  expect(violatedConstraint(Object.assign(coded('23503'), { constraint: 'other' }))).toBeUndefined()
  expect(violatedConstraint(undefined)).toBeUndefined()
})
