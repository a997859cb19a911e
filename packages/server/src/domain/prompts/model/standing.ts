import { between } from '../../../core/events.ts'
import { promptUpdated, statusChanged } from './events.ts'
import { type By, called, type Outcome, type State, touched } from './prompt.ts'

/** Where a prompt stands in its life, and what those who use it are told. Times are RFC 3339. */
export type Standing = Readonly<{
  status: State['status']
  /** Since when it is deprecated; it stays when the prompt is archived. */
  deprecatedAt: string | null
  /** When it is planned to be served no more. */
  sunsetAt: string | null
  /** The prompt to use instead. */
  successorId: string | null
}>

/** A prompt as its lifecycle sees it. */
export type Standee = Standing & Readonly<{ id: string; category: string; name: string; revision: number }>

const announcements = ['sunsetAt', 'successorId'] as const

/** Put a prompt where its lifecycle says. Pure; which moves there are is not this context's business. */
export function changeStanding(state: State, before: Standing, wanted: Standing, by: By): Outcome {
  const fields = announcements.filter((field) => before[field] !== wanted[field])
  const moved = before.status !== wanted.status
  if (!moved && fields.length === 0) return { next: state, events: [] }
  const next: State = { ...touched(state, by), status: wanted.status }
  const event = moved
    ? statusChanged(next.id, { ...called(next), from: before.status, to: wanted.status })
    : promptUpdated(next.id, { ...called(next), fields })
  return { next, events: between({ ...state, ...before }, { ...next, ...wanted }, [event]) }
}
