import { type AnyEndpoint, endpoint } from '../../../core/endpoint.ts'
import { FieldReadOnly, PreconditionFailed } from '../../../core/problem.ts'
import { PageOf, PageQuery, Strict } from '../../../core/schemas.ts'
import { assertSentBack } from '../../../core/sent-back.ts'
import { createRole, deleteRole, updateRole } from '../commands/roles.ts'
import { PermissionUnknown, RightsExceeded, RoleBuiltIn, RoleNameTaken, RoleNotFound } from '../model/failures.ts'
import { CreateRole, Role, RoleId, roleReadOnly, UpdateRole } from '../model/role-shapes.ts'
import { getRole, listRoles } from '../queries/roles.ts'

const OneRole = Strict({ id: RoleId })
const etag = ({ revision }: Role) => String(revision)

export const roles: AnyEndpoint[] = [
  endpoint({
    name: 'roles.list',
    method: 'GET',
    path: '/roles',
    access: 'roles:read',
    summary: 'List the roles: the built-in ones, then those of the workspace by name',
    query: Strict(PageQuery),
    reply: PageOf(Role),
    handle: ({ query }, ctx) => listRoles(query, ctx),
  }),
  endpoint({
    name: 'roles.create',
    method: 'POST',
    path: '/roles',
    access: 'roles:write',
    summary: 'Make a role: permissions, limited to categories and labels if wanted, within the rights of who makes it',
    body: CreateRole,
    status: 201,
    reply: Role,
    errors: [PermissionUnknown, RightsExceeded, RoleNameTaken],
    etag,
    location: ({ id }) => `/roles/${id}`,
    handle: ({ body }, ctx) => createRole(body, ctx),
  }),
  endpoint({
    name: 'roles.get',
    method: 'GET',
    path: '/roles/:id',
    access: 'roles:read',
    summary: 'Get a role',
    params: OneRole,
    reply: Role,
    errors: [RoleNotFound],
    etag,
    handle: ({ params }, ctx) => getRole(params, ctx),
  }),
  endpoint({
    name: 'roles.update',
    method: 'PUT',
    path: '/roles/:id',
    access: 'roles:write',
    summary: 'Change a role, and with it the rights of whoever has it',
    params: OneRole,
    body: UpdateRole,
    reply: Role,
    errors: [RoleNotFound, RoleBuiltIn, RoleNameTaken, PermissionUnknown, RightsExceeded, PreconditionFailed, FieldReadOnly],
    etag,
    handle: async ({ params, body, ifMatch }, ctx) => {
      await assertSentBack(() => getRole(params, ctx), body, roleReadOnly)
      return updateRole({ ...body, ...params, ifMatch }, ctx)
    },
  }),
  endpoint({
    name: 'roles.delete',
    method: 'DELETE',
    path: '/roles/:id',
    access: 'roles:write',
    summary: 'Remove a role: keys and members that have it may nothing more',
    params: OneRole,
    errors: [RoleNotFound, RoleBuiltIn, PreconditionFailed],
    handle: ({ params, ifMatch }, ctx) => deleteRole({ ...params, ifMatch }, ctx),
  }),
]
