import { type AnyEndpoint, endpoint } from '../../../core/endpoint.ts'
import { FieldReadOnly, PreconditionFailed } from '../../../core/problem.ts'
import { Id, PageOf, PageQuery, Strict } from '../../../core/schemas.ts'
import { assertSentBack } from '../../../core/sent-back.ts'
import { createWorkspace, updateWorkspace } from '../commands/workspaces.ts'
import { WorkspaceNotFound } from '../model/failures.ts'
import { UpdateWorkspace, Workspace, WorkspaceName, workspaceReadOnly } from '../model/workspaces.ts'
import { getWorkspace, listWorkspaces } from '../queries/workspaces.ts'

const WorkspaceId = Strict({ id: Id })
const etag = ({ revision }: Workspace) => String(revision)

export const workspaces: AnyEndpoint[] = [
  endpoint({
    name: 'workspaces.create',
    method: 'POST',
    path: '/workspaces',
    access: 'workspaces:write',
    instanceAdmin: true,
    summary: 'Make a workspace; its first key is made by POST /api-keys with its id',
    body: Strict({ name: WorkspaceName }),
    status: 201,
    reply: Workspace,
    etag,
    location: ({ id }) => `/workspaces/${id}`,
    handle: ({ body }, ctx) => createWorkspace(body, ctx),
  }),
  endpoint({
    name: 'workspaces.list',
    method: 'GET',
    path: '/workspaces',
    access: 'workspaces:read',
    summary: "List one's own workspace, or all as administrator of the installation",
    query: Strict(PageQuery),
    reply: PageOf(Workspace),
    handle: ({ query }, ctx) => listWorkspaces(query, ctx),
  }),
  endpoint({
    name: 'workspaces.get',
    method: 'GET',
    path: '/workspaces/:id',
    access: 'workspaces:read',
    summary: 'Get a workspace',
    params: WorkspaceId,
    reply: Workspace,
    errors: [WorkspaceNotFound],
    etag,
    handle: ({ params }, ctx) => getWorkspace(params, ctx),
  }),
  endpoint({
    name: 'workspaces.update',
    method: 'PUT',
    path: '/workspaces/:id',
    access: 'workspaces:write',
    summary: 'Rename a workspace',
    params: WorkspaceId,
    body: UpdateWorkspace,
    reply: Workspace,
    errors: [WorkspaceNotFound, PreconditionFailed, FieldReadOnly],
    etag,
    handle: async ({ params, body, ifMatch }, ctx) => {
      await assertSentBack(() => getWorkspace(params, ctx), body, workspaceReadOnly)
      return updateWorkspace({ ...params, name: body.name, ifMatch }, ctx)
    },
  }),
]
