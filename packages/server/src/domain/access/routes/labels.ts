import { type AnyEndpoint, endpoint } from '../../../core/endpoint.ts'
import { FieldReadOnly, PreconditionFailed } from '../../../core/problem.ts'
import { PageOf, PageQuery, Strict } from '../../../core/schemas.ts'
import { assertSentBack } from '../../../core/sent-back.ts'
import { changeLabelRule } from '../commands/label-rules.ts'
import { RoleUnknown } from '../model/failures.ts'
import { ChangeLabelRule, Label, LabelRule, ruleReadOnly } from '../model/label-rules.ts'
import type { Neighbours } from '../model/neighbours.ts'
import { getLabelRule, listLabels } from '../queries/label-rules.ts'

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
    errors: [RoleUnknown, PreconditionFailed, FieldReadOnly],
    etag: ({ revision }) => String(revision),
    handle: async ({ params, body, ifMatch }, ctx) => {
      await assertSentBack(() => getLabelRule(params, ctx), body, ruleReadOnly)
      return changeLabelRule({ ...body, ...params, ifMatch }, ctx)
    },
  }),
]
