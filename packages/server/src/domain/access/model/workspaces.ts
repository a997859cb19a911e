import { type Static, Type } from 'typebox'
import { Id, Nullable, ShortText, Strict, Timestamp } from '../../../core/schemas.ts'

export const WorkspaceName = ShortText('What it is called')

export const Workspace = Strict(
  {
    id: Id,
    name: Type.String(),
    createdBy: Nullable(Type.String(), { description: 'Who made it; null for the one that is always there' }),
    createdAt: Timestamp,
    updatedAt: Nullable(Timestamp),
    revision: Type.Integer({ description: 'Counts its changes' }),
  },
  { $id: 'Workspace' },
)
export type Workspace = Static<typeof Workspace>
