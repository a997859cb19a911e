import { type Static, Type } from 'typebox'
import { operationFields } from '../../../core/operation.ts'
import { Problem } from '../../../core/problem.ts'
import { Id, Nullable, Strict, Timestamp } from '../../../core/schemas.ts'
import { kinds, outcomes } from '../model/operation.ts'

const count = (description: string) => Type.Integer({ minimum: 0, description })
export const KindField = Type.Enum([...kinds], { description: 'What is done to the prompts' })
export const OutcomeField = Type.Enum([...outcomes], {
  description: 'skipped: not done, since the operation was cancelled, or was atomic and another item failed',
})

/** What became of one item. */
export const BulkItem = Strict(
  {
    index: Type.Integer({ minimum: 0, description: 'Where it stood in the request, from 0; a retry keeps it' }),
    outcome: OutcomeField,
    promptId: Nullable(Id),
    version: Nullable(Type.Integer({ minimum: 1 }), { description: "The prompt's newest version after it" }),
    problem: Nullable(Problem, { description: 'Why it failed; pointers are into the item' }),
  },
  { $id: 'BulkItem' },
)
export type BulkItem = Static<typeof BulkItem>

/** Up to so many items are shown with their operation when it is over. */
export const shownItems = 100

export const BulkOperation = Strict(
  {
    id: Id,
    kind: KindField,
    atomic: Type.Boolean({ description: 'All items in one transaction, or none' }),
    dryRun: Type.Boolean({ description: 'Everything is looked at as if, and nothing is changed' }),
    ...operationFields,
    status: Type.Enum(['queued', 'running', 'succeeded', 'failed', 'cancelled'], {
      description:
        'succeeded: it came to its end, whatever became of the single items (see counts); failed: as a whole (see error); the last three are the end',
    }),
    counts: Strict({
      succeeded: count('Done'),
      failed: count('Each with its problem'),
      skipped: count('Not done, and not for its own sake'),
    }),
    cancelRequested: Type.Boolean({ description: 'It ends before its next item' }),
    retryOf: Nullable(Id, { description: 'The operation whose failed items these are' }),
    createdBy: Type.String({ description: 'Whose rights hold, as they are when an item has its turn' }),
    createdAt: Timestamp,
    items: Type.Optional(Type.Array(BulkItem, { description: `When it is over and has up to ${shownItems} items: what became of each` })),
  },
  { $id: 'BulkOperation' },
)
export type BulkOperation = Static<typeof BulkOperation>
