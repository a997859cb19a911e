import { type Static, Type } from 'typebox'
import { unprocessable } from '../../../core/problem.ts'
import { Strict } from '../../../core/schemas.ts'
import { ReplayInvalid } from './webhook-failures.ts'

const time = (description: string) => Type.Optional(Type.String({ format: 'date-time', maxLength: 40, description }))

export const ReplayInput = Strict(
  {
    from: time('All that happened from then on and that the webhook wants, whether it was delivered or not'),
    to: time('With `from`: and before then; until now without it'),
    failedSince: time('Deliveries made from then on that failed for good'),
    eventIds: Type.Optional(
      Type.Array(Type.String({ pattern: '^evt_[A-Za-z0-9_-]{22}$', description: 'The id of an event' }), {
        minItems: 1,
        maxItems: 1_000,
        description: 'These events, whatever the webhook wants',
      }),
    ),
    dryRun: Type.Optional(Type.Boolean({ description: 'Count, and send nothing' })),
  },
  { $id: 'ReplayDeliveries' },
)
export type ReplayInput = Static<typeof ReplayInput>
export type ReplayStatus = 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled'
/** What is to be sent again. Times are RFC 3339 in UTC. */
export type ReplaySelection =
  | Readonly<{ kind: 'range'; from: string; to: string }>
  | Readonly<{ kind: 'failed'; since: string }>
  | Readonly<{ kind: 'events'; ids: readonly string[] }>

/** Which of the three it is. @throws ReplayInvalid (422) for none, several, or a range that ends before it begins */
export function selectionOf({ from, to, failedSince, eventIds }: ReplayInput, now: string): ReplaySelection {
  const given = [from, failedSince, eventIds].filter((one) => one !== undefined)
  if (given.length !== 1 || (to !== undefined && from === undefined))
    throw unprocessable(ReplayInvalid, '/from', 'replay.selection', 'Say one of three: "from" (and "to"), "failedSince", or "eventIds".')
  if (eventIds) return { kind: 'events', ids: [...new Set(eventIds)] }
  if (failedSince !== undefined) return { kind: 'failed', since: utc(failedSince, '/failedSince') }
  const range = { from: utc(from!, '/from'), to: to === undefined ? now : utc(to, '/to') }
  if (range.to < range.from) throw unprocessable(ReplayInvalid, '/to', 'replay.range', '"to" lies before "from".')
  return { kind: 'range', ...range }
}

function utc(text: string, pointer: string): string {
  const ms = Date.parse(text)
  if (Number.isNaN(ms) || ms < 0 || ms >= Date.parse('9999-01-01T00:00:00Z'))
    throw unprocessable(ReplayInvalid, pointer, 'replay.time', 'It must be a time between the years 1970 and 9999.')
  return new Date(ms).toISOString()
}
