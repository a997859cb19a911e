import { Type } from 'typebox'
import { eventType } from '../../../core/events.ts'
import { Strict } from '../../../core/schemas.ts'
import { kinds } from './operation.ts'

const count = Type.Integer({ minimum: 0 })

/** Told once, when an operation is over; not of a dry run, which changes nothing. */
export const bulkFinished = eventType(
  'bulk.finished',
  Strict({
    operationId: Type.String(),
    kind: Type.Enum([...kinds]),
    status: Type.Enum(['succeeded', 'failed', 'cancelled']),
    counts: Strict({ succeeded: count, failed: count, skipped: count }),
  }),
  { description: 'A bulk operation is over', promptless: true },
)
