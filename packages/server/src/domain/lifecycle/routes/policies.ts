import { type AnyEndpoint, endpoint } from '../../../core/endpoint.ts'
import { FieldReadOnly, PreconditionFailed } from '../../../core/problem.ts'
import { PageOf, PageQuery, Strict } from '../../../core/schemas.ts'
import { assertSentBack } from '../../../core/sent-back.ts'
import { changePolicy, removePolicy } from '../commands/policies.ts'
import { ChangePolicy, Policy, PolicyScope, policyReadOnly } from '../model/policies.ts'
import { PolicyInvalid, PolicyNotFound, TooManyPolicies } from '../model/policy-failures.ts'
import { getPolicy, listPolicies } from '../queries/policies.ts'

const AtScope = Strict({ scope: PolicyScope })
const etag = ({ revision }: Policy) => String(revision)

export const policyRoutes: AnyEndpoint[] = [
  endpoint({
    name: 'policies.list',
    method: 'GET',
    path: '/lifecycle/policies',
    access: 'lifecycle:read',
    summary: 'List the policies of the workspace, by scope',
    query: Strict(PageQuery),
    reply: PageOf(Policy),
    handle: ({ query }, ctx) => listPolicies(query, ctx),
  }),
  endpoint({
    name: 'policies.get',
    method: 'GET',
    path: '/lifecycle/policies/:scope',
    access: 'lifecycle:read',
    summary: 'Get the policy of a scope; those of other scopes that hold there too are not in it',
    params: AtScope,
    reply: Policy,
    errors: [PolicyNotFound],
    etag,
    handle: ({ params }, ctx) => getPolicy(params, ctx),
  }),
  endpoint({
    name: 'policies.put',
    method: 'PUT',
    path: '/lifecycle/policies/:scope',
    access: 'policies:write',
    summary: 'Say what a change of what callers are served needs in the workspace, a category or at a label',
    params: AtScope,
    body: ChangePolicy,
    reply: Policy,
    errors: [PolicyNotFound, PolicyInvalid, TooManyPolicies, FieldReadOnly, PreconditionFailed],
    etag,
    handle: async ({ params, body, ifMatch }, ctx) => {
      await assertSentBack(() => getPolicy(params, ctx), body, policyReadOnly)
      return changePolicy({ ...params, change: body, ifMatch }, ctx)
    },
  }),
  endpoint({
    name: 'policies.delete',
    method: 'DELETE',
    path: '/lifecycle/policies/:scope',
    access: 'policies:write',
    summary: 'Remove the policy of a scope; those of other scopes go on',
    params: AtScope,
    errors: [PolicyNotFound, PreconditionFailed],
    handle: ({ params, ifMatch }, ctx) => removePolicy({ ...params, ifMatch }, ctx),
  }),
]
