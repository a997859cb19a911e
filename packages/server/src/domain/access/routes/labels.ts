import { type AnyEndpoint, endpoint } from '../../../core/endpoint.ts'
import { PreconditionFailed } from '../../../core/problem.ts'
import { PageOf, PageQuery, Strict } from '../../../core/schemas.ts'
import { changeLabelRule } from '../commands/label-rules.ts'
import { RoleUnknown } from '../model/failures.ts'
import { ChangeLabelRule, Label, LabelRule } from '../model/label-rules.ts'
import type { Neighbours } from '../model/neighbours.ts'
import { listLabels } from '../queries/label-rules.ts'

const { limit, cursor } = PageQuery

export const labels = (neighbours: Neighbours): AnyEndpoint[] => [
  endpoint({
    name: 'labels.list',
    method: 'GET',
    path: '/labels',
    access: 'labels:read',
    summary: 'List the labels that are in use or have a rule, and who may move them',
    query: Strict({ limit, cursor }),
    reply: PageOf(LabelRule),
    handle: ({ query }, ctx) => listLabels(query, neighbours, ctx),
  }),
  endpoint({
    name: 'labels.protect',
    method: 'PUT',
    path: '/labels/:label',
    access: 'labels:manage',
    summary: 'Say who may move a label',
    params: Strict({ label: Label }),
    body: ChangeLabelRule,
    reply: LabelRule,
    errors: [RoleUnknown, PreconditionFailed],
    etag: ({ revision }) => String(revision),
    handle: ({ params, body, ifMatch }, ctx) => changeLabelRule({ ...params, ...body, ifMatch }, ctx),
  }),
]
