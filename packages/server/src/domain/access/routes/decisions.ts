import { type AnyEndpoint, endpoint } from '../../../core/endpoint.ts'
import { Strict } from '../../../core/schemas.ts'
import { Explanation, Question } from '../model/explaining.ts'
import { PermissionUnknown, PrincipalNotFound, SubjectNotFound } from '../model/failures.ts'
import type { Neighbours } from '../model/neighbours.ts'
import { explainAccess } from '../queries/explain.ts'

const { allowed } = Explanation.properties
const errors = [PrincipalNotFound, SubjectNotFound, PermissionUnknown]

export const decisions = (neighbours: Neighbours): AnyEndpoint[] => [
  endpoint({
    name: 'access.check',
    method: 'POST',
    path: '/access/check',
    access: 'access:read',
    readOnly: true,
    summary: 'May this key or member do that to this',
    body: Question,
    reply: Strict({ allowed }),
    errors,
    handle: async ({ body }, ctx) => ({ allowed: (await explainAccess(body, neighbours, ctx)).allowed }),
  }),
  endpoint({
    name: 'access.explain',
    method: 'POST',
    path: '/access/explain',
    access: 'access:read',
    readOnly: true,
    summary: 'The same with the reason: which role, scope, limit or protection says so',
    body: Question,
    reply: Explanation,
    errors,
    handle: ({ body }, ctx) => explainAccess(body, neighbours, ctx),
  }),
]
