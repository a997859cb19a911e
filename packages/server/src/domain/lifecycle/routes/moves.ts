import { Type } from 'typebox'
import { type AnyEndpoint, endpoint } from '../../../core/endpoint.ts'
import { PreconditionFailed, Problem } from '../../../core/problem.ts'
import { Id, Nullable, PageOf, PageQuery, ShortText, Strict } from '../../../core/schemas.ts'
import { BreakGlass, ListQuery, listPrompts, PolicyBlocked, PromptItem, PromptNotFound } from '../../prompts/index.ts'
import { moveMany, movePrompt } from '../commands/move-prompt.ts'
import { Policy } from '../model/policies.ts'
import {
  BulkRefused,
  Counts,
  DeprecationInvalid,
  Lifecycle,
  LifecycleMove,
  MoveBlocked,
  MoveNotAllowed,
  Status,
} from '../model/transitions.ts'
import type { Policies } from '../policies.ts'
import { countPrompts, getLifecycle, getRules, listMoves, validateMove } from '../queries/moves.ts'

const PromptId = Strict({ id: Id })
const move = {
  reason: Type.Optional(Type.String({ maxLength: 2000, description: 'Why; kept in the history' })),
  status: Status,
  sunsetAt: Type.Optional(
    Nullable(
      Type.String({
        format: 'date-time',
        description: 'With `deprecated`: when it is planned to be served no more. Absent: as it is; null: unknown',
      }),
    ),
  ),
  successorId: Type.Optional(
    Nullable(
      Type.String({
        ...Id,
        description:
          'With `deprecated`: the prompt to use instead. Absent: as it is, and at first the one that a relationship says `replaces` it; null: none',
      }),
    ),
  ),
  force: Type.Optional(Type.Boolean({ description: 'Archive it although prompts include it by a label; needs prompts:force' })),
  breakGlass: Type.Optional(BreakGlass),
}
const Blocker = Strict({
  code: Type.String(),
  detail: Type.String(),
  scope: Type.Optional(Type.String({ description: 'The scope of the policy that says so' })),
})
const Edge = Strict({
  from: Status,
  to: Status,
  conditions: Type.Array(Strict({ code: Type.String(), detail: Type.String() }), { description: 'All must be met' }),
})
const etag = ({ revision }: Lifecycle) => String(revision)

const reading = (policies: Policies): AnyEndpoint[] => [
  endpoint({
    name: 'lifecycle.list',
    method: 'GET',
    path: '/prompts/lifecycle/:status',
    access: 'prompts:read',
    summary: 'List the prompts that have a status',
    params: Strict({ status: Status }),
    query: Strict((({ status: _s, ...rest }) => rest)(ListQuery.properties)),
    reply: PageOf(PromptItem),
    handle: ({ params, query }, ctx) => listPrompts({ ...query, ...params }, ctx),
  }),
  endpoint({
    name: 'lifecycle.get',
    method: 'GET',
    path: '/prompts/:id/lifecycle',
    access: 'lifecycle:read',
    summary: 'Get where a prompt stands in its life, and where it can go',
    params: PromptId,
    reply: Lifecycle,
    errors: [PromptNotFound],
    etag,
    handle: ({ params }, ctx) => getLifecycle(params, ctx),
  }),
  endpoint({
    name: 'lifecycle.history',
    method: 'GET',
    path: '/prompts/:id/lifecycle/history',
    access: 'lifecycle:read',
    summary: 'List the moves of a prompt from status to status, newest first',
    params: PromptId,
    query: Strict(PageQuery),
    reply: PageOf(LifecycleMove),
    errors: [PromptNotFound],
    handle: ({ params, query }, ctx) => listMoves({ ...params, ...query }, ctx),
  }),
  endpoint({
    name: 'lifecycle.counts',
    method: 'GET',
    path: '/lifecycle/counts',
    access: 'lifecycle:read',
    summary: 'Count the prompts of each status',
    query: Strict({ category: Type.Optional(ShortText('Of this category alone')) }),
    reply: Counts,
    handle: ({ query }, ctx) => countPrompts(query, ctx),
  }),
  endpoint({
    name: 'lifecycle.rules',
    method: 'GET',
    path: '/lifecycle/rules',
    access: 'lifecycle:read',
    summary: 'Get the statuses, the moves between them, and the conditions of each move',
    reply: Strict({
      initial: Status,
      statuses: Type.Array(Strict({ status: Status, meaning: Type.String(), allowed: Type.Array(Status) })),
      transitions: Type.Array(Edge),
      policies: Type.Array(Strict((({ scope, approvals, checks }) => ({ scope, approvals, checks }))(Policy.properties)), {
        description: 'What policies ask for, in the scopes that the caller may see; see GET /lifecycle/policies',
      }),
    }),
    handle: (_input, ctx) => getRules(policies)(ctx),
  }),
  endpoint({
    name: 'lifecycle.validate',
    method: 'POST',
    path: '/prompts/:id/lifecycle/validate',
    access: 'lifecycle:read',
    readOnly: true,
    summary: 'Say whether a move would be taken from this caller, and what stands in its way',
    params: PromptId,
    body: Strict({ status: Status }),
    reply: Strict({ allowed: Type.Boolean(), blockers: Type.Array(Blocker) }),
    errors: [PromptNotFound],
    handle: ({ params, body }, ctx) => validateMove(policies)({ ...params, ...body }, ctx),
  }),
]

const moving = (policies: Policies): AnyEndpoint[] => [
  endpoint({
    name: 'lifecycle.move',
    method: 'PUT',
    path: '/prompts/:id/lifecycle',
    access: 'lifecycle:write',
    summary: 'Move a prompt to another status; a deprecated one may be told another sunset or successor',
    params: PromptId,
    body: Strict(move),
    reply: Lifecycle,
    errors: [PromptNotFound, MoveNotAllowed, MoveBlocked, PolicyBlocked, DeprecationInvalid, PreconditionFailed],
    etag,
    handle: ({ params, body, ifMatch }, ctx) => movePrompt(policies)({ ...params, ...body, ...(ifMatch && { ifMatch }) }, ctx),
  }),
  endpoint({
    name: 'lifecycle.bulk',
    method: 'POST',
    path: '/lifecycle/bulk',
    access: 'lifecycle:write',
    summary: 'Move up to 200 prompts the same way; each that can go does',
    body: Strict({
      promptIds: Type.Array(Id, { minItems: 1, maxItems: 200, description: 'Which prompts, each in a transaction of its own' }),
      ...move,
      atomic: Type.Optional(Type.Boolean({ description: 'All of them or none, in one transaction' })),
    }),
    reply: Strict({
      items: Type.Array(Nullable(Lifecycle), { description: 'In the order of `promptIds`; null where `errors` says why' }),
      errors: Type.Array(Strict({ index: Type.Integer(), problem: Problem })),
    }),
    errors: [BulkRefused],
    handle: ({ body }, ctx) => moveMany(policies)(body, ctx),
  }),
]

export const routes = (policies: Policies): AnyEndpoint[] => [...reading(policies), ...moving(policies)]
