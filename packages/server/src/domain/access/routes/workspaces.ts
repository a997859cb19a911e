import { Type } from 'typebox'
import { type AnyEndpoint, endpoint } from '../../../core/endpoint.ts'
import { PreconditionFailed } from '../../../core/problem.ts'
import { Id, PageOf, PageQuery, Strict } from '../../../core/schemas.ts'
import { createWorkspace, updateWorkspace } from '../commands/workspaces.ts'
import { WorkspaceNotFound } from '../model/failures.ts'
import { Workspace, WorkspaceName } from '../model/workspaces.ts'
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
    body: Strict({ name: Type.Optional(WorkspaceName) }),
    reply: Workspace,
    errors: [WorkspaceNotFound, PreconditionFailed],
    etag,
    handle: ({ params, body, ifMatch }, ctx) => updateWorkspace({ ...params, ...body, ifMatch }, ctx),
  }),
]
