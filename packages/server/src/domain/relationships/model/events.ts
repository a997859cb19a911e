import { Type } from 'typebox'
import { eventType } from '../../../core/events.ts'
import { Strict } from '../../../core/schemas.ts'

const ends = { sourceId: Type.String(), targetId: Type.String(), type: Type.String() }

export const relationshipCreated = eventType('relationship.created', Strict({ ...ends, strength: Type.Number() }), {
  description: 'Two prompts were related',
})
export const relationshipUpdated = eventType(
  'relationship.updated',
  Strict({ ...ends, strength: Type.Number(), previous: Type.Number() }),
  {
    description: 'A relationship got another strength',
  },
)
export const relationshipDeleted = eventType('relationship.deleted', Strict(ends), { description: 'A relationship was taken away' })

/** Everything this context tells. */
export const relationshipEvents = [relationshipCreated, relationshipUpdated, relationshipDeleted]
