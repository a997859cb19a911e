import { hash } from 'node:crypto'
import { Type } from 'typebox'
import type { Ctx } from '../../../core/context.ts'
import { type AnyEndpoint, endpoint } from '../../../core/endpoint.ts'
import { ExpressionInvalid } from '../../../core/expressions.ts'
import { OutboundHeaderRefused, OutboundUrlRefused } from '../../../core/outbound.ts'
import { FieldReadOnly, PreconditionFailed } from '../../../core/problem.ts'
import { Id, Nullable, PageOf, PageQuery, Strict } from '../../../core/schemas.ts'
import { sentBack } from '../../../core/sent-back.ts'
import { type Checks, createWebhook, defaultOverlapHours, deleteWebhook, rotateSecret, updateWebhook } from '../commands/webhooks.ts'
import { EventTypeUnknown, TooManySecrets, TooManyWebhooks, WebhookInvalid, WebhookNotFound } from '../model/webhook-failures.ts'
import { CreateWebhook, NewWebhook, Webhook } from '../model/webhooks.ts'
import { getWebhook, listWebhooks } from '../queries/webhooks.ts'

/** Who sees a part of the workspace has no business with webhooks. */
export const spans = 'Webhooks are told of all categories'
export const WebhookId = Strict({ id: Id })
/** Health and secrets change without a new revision. */
const etag = ({ revision, health, secrets }: Webhook) => `${revision}-${hash('sha256', JSON.stringify([health, secrets])).slice(0, 12)}`
/** What a change asks for is the revision alone. */
const revisions = (tags: readonly string[] | undefined) => tags?.map((tag) => tag.replace(/-.*$/, ''))
const refused = [WebhookInvalid, EventTypeUnknown, OutboundUrlRefused, OutboundHeaderRefused, ExpressionInvalid]
const { signing: _, ...changeable } = CreateWebhook.properties
const readOnly = [
  'id',
  'signing',
  'disabledReason',
  'disabledAt',
  'health',
  'secrets',
  'createdBy',
  'createdAt',
  'updatedAt',
  'revision',
] as const

const ChangeWebhook = Strict(
  {
    ...changeable,
    name: Type.Optional(CreateWebhook.properties.name),
    url: Type.Optional(CreateWebhook.properties.url),
    events: Type.Optional(CreateWebhook.properties.events),
    headers: Type.Optional(Nullable(Webhook.properties.headers)),
    ...sentBack(Webhook.properties, readOnly),
  },
  { $id: 'ChangeWebhook' },
)

export const webhooks = (checks: Checks): AnyEndpoint[] => {
  const create = createWebhook(checks)
  const update = updateWebhook(checks)
  const rotate = rotateSecret(checks)
  const remove = deleteWebhook(checks)
  const view = (id: string, ctx: Ctx) => getWebhook(id, checks.vault, ctx)
  return [
    endpoint({
      name: 'webhooks.create',
      method: 'POST',
      path: '/webhooks',
      access: 'webhooks:write',
      spans,
      summary: 'Have events posted to a URL, signed by Standard Webhooks; the secret is shown this once',
      body: CreateWebhook,
      status: 201,
      reply: NewWebhook,
      secrets: ['secret'],
      errors: [...refused, TooManyWebhooks],
      etag,
      location: ({ id }) => `/webhooks/${id}`,
      async handle({ body }, ctx) {
        const { id, secret } = await create(body, ctx)
        return { ...(await view(id, ctx)), secret }
      },
    }),
    endpoint({
      name: 'webhooks.list',
      method: 'GET',
      path: '/webhooks',
      access: 'webhooks:read',
      spans,
      summary: 'List the webhooks of the workspace, newest first',
      query: Strict(PageQuery),
      reply: PageOf(Webhook),
      handle: ({ query }, ctx) => listWebhooks(query, checks.vault, ctx),
    }),
    endpoint({
      name: 'webhooks.get',
      method: 'GET',
      path: '/webhooks/:id',
      access: 'webhooks:read',
      spans,
      summary: 'Get a webhook and how its receiver does',
      params: WebhookId,
      reply: Webhook,
      errors: [WebhookNotFound],
      etag,
      handle: ({ params }, ctx) => view(params.id, ctx),
    }),
    endpoint({
      name: 'webhooks.update',
      method: 'PUT',
      path: '/webhooks/:id',
      access: 'webhooks:write',
      spans,
      summary: 'Change any field of a webhook; absent fields stay, null clears',
      params: WebhookId,
      body: ChangeWebhook,
      reply: Webhook,
      errors: [WebhookNotFound, ...refused, FieldReadOnly, PreconditionFailed],
      etag,
      async handle({ params, body, ifMatch }, ctx) {
        const { name, url, events, filter, active, retrySchedule, timeoutMs, headers } = body
        const change = Object.fromEntries(
          Object.entries({ name, url, events, filter, active, retrySchedule, timeoutMs, headers }).filter(
            ([, value]) => value !== undefined,
          ),
        )
        await update({ ...params, change, sentBack: body, ifMatch: revisions(ifMatch) }, ctx)
        return view(params.id, ctx)
      },
    }),
    endpoint({
      name: 'webhooks.delete',
      method: 'DELETE',
      path: '/webhooks/:id',
      access: 'webhooks:write',
      spans,
      summary: 'Delete a webhook with its deliveries',
      params: WebhookId,
      errors: [WebhookNotFound, PreconditionFailed],
      handle: ({ params, ifMatch }, ctx) => remove({ ...params, ifMatch: revisions(ifMatch) }, ctx),
    }),
    endpoint({
      name: 'webhooks.rotateSecret',
      method: 'POST',
      path: '/webhooks/:id/rotate-secret',
      access: 'webhooks:write',
      spans,
      summary: 'Make a new secret; those before it sign beside it for the overlap',
      params: WebhookId,
      body: Strict({
        overlapHours: Type.Optional(
          Type.Integer({ minimum: 0, maximum: 168, description: `${defaultOverlapHours} without it; 0 ends the others now` }),
        ),
      }),
      status: 201,
      reply: NewWebhook,
      secrets: ['secret'],
      errors: [WebhookNotFound, TooManySecrets],
      async handle({ params, body }, ctx) {
        const secret = await rotate({ ...params, ...body }, ctx)
        return { ...(await view(params.id, ctx)), secret }
      },
    }),
  ]
}
