import { Type } from 'typebox'
import { type AnyEndpoint, endpoint } from '../../../core/endpoint.ts'
import { Id, PageOf, PageQuery, Strict } from '../../../core/schemas.ts'
import { createKey, revokeKey, rotateKey } from '../commands/keys.ts'
import { ApiKey, CreateApiKey, NewApiKey, RotateApiKey } from '../model/api-keys.ts'
import {
  KeyInvalid,
  KeyNotFound,
  KeyNotLive,
  PermissionUnknown,
  RightsExceeded,
  RoleUnknown,
  WorkspaceNotFound,
} from '../model/failures.ts'
import { listKeys } from '../queries/keys.ts'

const KeyId = Strict({ id: Id })

export const keys: AnyEndpoint[] = [
  endpoint({
    name: 'apiKeys.create',
    method: 'POST',
    path: '/api-keys',
    access: 'keys:write',
    summary: 'Make a key with a role or scopes of its own, within the rights of who makes it; it is shown this once',
    body: CreateApiKey,
    status: 201,
    reply: NewApiKey,
    secrets: ['key'],
    errors: [WorkspaceNotFound, RoleUnknown, PermissionUnknown, KeyInvalid, RightsExceeded],
    handle: ({ body }, ctx) => createKey(body, ctx),
  }),
  endpoint({
    name: 'apiKeys.list',
    method: 'GET',
    path: '/api-keys',
    access: 'keys:read',
    summary: 'List the keys of the workspace, newest first, without those that were revoked',
    query: Strict({ ...PageQuery, revoked: Type.Optional(Type.Boolean({ description: 'Also those that were revoked' })) }),
    reply: PageOf(ApiKey),
    handle: ({ query }, ctx) => listKeys(query, ctx),
  }),
  endpoint({
    name: 'apiKeys.rotate',
    method: 'POST',
    path: '/api-keys/:id/rotate',
    access: 'keys:write',
    summary: 'Make a new key with the same rights; the old one goes on for the overlap',
    params: KeyId,
    body: RotateApiKey,
    status: 201,
    reply: NewApiKey,
    secrets: ['key'],
    errors: [KeyNotFound, KeyNotLive, KeyInvalid, RightsExceeded],
    handle: ({ params, body }, ctx) => rotateKey({ ...params, ...body }, ctx),
  }),
  endpoint({
    name: 'apiKeys.revoke',
    method: 'DELETE',
    path: '/api-keys/:id',
    access: 'keys:write',
    summary: 'End a key now',
    params: KeyId,
    errors: [KeyNotFound],
    handle: ({ params }, ctx) => revokeKey(params, ctx),
  }),
]
