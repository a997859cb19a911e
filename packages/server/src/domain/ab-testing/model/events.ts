import { type Static, Type } from 'typebox'
import { eventType } from '../../../core/events.ts'
import { Strict } from '../../../core/schemas.ts'

const about = { category: Type.String({ description: 'Of the control’s prompt' }), name: Type.String(), promptId: Type.String() }
const winner = Type.Union([Type.String(), Type.Null()])

export const testCreated = eventType('ab_test.created', Strict(about), { description: 'A test was drafted' })
export const testUpdated = eventType('ab_test.updated', Strict({ ...about, fields: Type.Array(Type.String()) }), {
  description: 'A test was changed',
})
export const testStarted = eventType('ab_test.started', Strict({ ...about, variants: Type.Array(Type.String()) }), {
  description: 'A test began to run, its versions pinned',
})
export const testPaused = eventType('ab_test.paused', Strict(about), { description: 'A test pauses: everybody sees the control' })
export const testResumed = eventType('ab_test.resumed', Strict(about), { description: 'A test that paused goes on' })
export const phaseOpened = eventType(
  'ab_test.phase_opened',
  Strict({ ...about, phase: Type.Integer(), coverage: Type.Number(), weights: Type.Array(Type.Number()) }),
  { description: 'The traffic of a test is shared out in another way' },
)
export const testEnded = eventType(
  'ab_test.ended',
  Strict({ ...about, winner, action: Type.String(), reason: Type.Union([Type.String(), Type.Null()]) }),
  { description: 'A test is over; `winner` null: without one' },
)
export const testDeleted = eventType('ab_test.deleted', Strict(about), { description: 'A draft of a test was thrown away' })

/** What every event of a test says. */
export type About = Pick<Static<typeof testCreated.schema>, 'category' | 'name' | 'promptId'>

/** Everything that is told of the life of tests. */
export const experimentEvents = [testCreated, testUpdated, testStarted, testPaused, testResumed, phaseOpened, testEnded, testDeleted]
