import { type Static, Type } from 'typebox'
import { Id, Nullable, ShortText, Strict, Timestamp } from '../../../core/schemas.ts'
import { sentBack } from '../../../core/sent-back.ts'

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
export const workspaceReadOnly = ['id', 'createdBy', 'createdAt', 'updatedAt', 'revision'] as const
export const UpdateWorkspace = Strict({ name: Type.Optional(WorkspaceName), ...sentBack(Workspace.properties, workspaceReadOnly) })
export type Workspace = Static<typeof Workspace>
