import { type Static, Type } from 'typebox'
import { Id, Strict } from '../../../core/schemas.ts'
import { PromptRef } from './types.ts'

export const Problem = Strict({
  severity: Type.Enum(['error', 'warning'], { description: 'error: creating it is refused; warning: it is taken, and makes little sense' }),
  code: Type.String({ description: 'Such as relationship.cycle, relationship.contradiction, relationship.dangling' }),
  detail: Type.String(),
  prompts: Type.Array(PromptRef, { description: 'Whom it concerns; of a cycle the way along it, first = last' }),
  relationshipIds: Type.Array(Id, { description: 'The relationships concerned, as far as they exist' }),
})
export type Problem = Static<typeof Problem>

export const Validation = Strict(
  {
    valid: Type.Boolean({ description: 'Nothing was found' }),
    checked: Type.Integer({ minimum: 0, description: 'Relationships looked at' }),
    truncated: Type.Boolean({ description: 'More than 100,000 relationships, or more than 1,000 problems' }),
    problems: Type.Array(Problem),
  },
  { $id: 'RelationshipValidation' },
)
export type Validation = Static<typeof Validation>
