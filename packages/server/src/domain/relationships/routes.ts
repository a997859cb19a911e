import { Type } from 'typebox'
import { type AnyEndpoint, endpoint } from '../../core/endpoint.ts'
import { AppError } from '../../core/errors.ts'
import { PreconditionFailed } from '../../core/problem.ts'
import { Id, Nullable, PageOf, PageQuery, Strict } from '../../core/schemas.ts'
import { PromptNotFound } from '../prompts/index.ts'
import { relate, setStrength, unrelate } from './commands/relate.ts'
import {
  CycleClosed,
  MetadataTooLarge,
  PlanIncomplete,
  RelationshipExists,
  RelationshipKept,
  RelationshipNotFound,
  SelfRelated,
  TargetNotFound,
  TypeKept,
} from './model/failures.ts'
import { Validation } from './model/problems.ts'
import { Related } from './model/related.ts'
import { Metadata, Relationship, RelationshipKind, Strength } from './model/types.ts'
import { getGraph, getStats, maxDepth } from './queries/graph.ts'
import { getRelationship, listRelationships } from './queries/list.ts'
import { getRelated, type Sources } from './queries/related.ts'
import { type Plan, validateGraph, validatePlan } from './queries/validate.ts'

const PromptId = Strict({ id: Id })
const AtRelationship = Strict({ relationshipId: Id })
const Count = Type.Integer({ minimum: 0 })
const Target = Type.String({ ...Id, description: 'The prompt that it leads to' })
const etag = ({ revision }: Relationship) => String(revision)
const [read, write] = ['relationships:read', 'relationships:write']

const GraphReply = Strict(
  {
    nodes: Type.Array(Strict({ id: Id, category: Type.String(), name: Type.String(), depth: Count })),
    edges: Type.Array(Strict({ id: Id, sourceId: Id, targetId: Id, type: RelationshipKind, strength: Strength })),
    truncated: Type.Boolean({ description: 'There are more than 1,000 prompts, or more than 10,000 relationships between them' }),
  },
  { $id: 'RelationshipGraph' },
)
const StatsReply = Strict(
  {
    total: Count,
    byType: Type.Record(Type.String(), Strict({ count: Count, averageStrength: Nullable(Type.Number()) })),
    prompts: Type.Integer({ minimum: 0, description: 'Live prompts' }),
    connected: Type.Integer({ minimum: 0, description: 'Prompts that have a relationship' }),
    mostConnected: Type.Array(Strict({ id: Id, category: Type.String(), name: Type.String(), outgoing: Count, incoming: Count })),
  },
  { $id: 'RelationshipStats' },
)

/** @param sources where `related` learns of use that prompts have in common, and of prompts with alike words */
export const routes = (sources: Sources): AnyEndpoint[] => [...ofPrompts(sources), ...ofRelationships]

const ofPrompts = (sources: Sources): AnyEndpoint[] => [
  endpoint({
    name: 'relationships.create',
    method: 'POST',
    path: '/prompts/:id/relationships',
    access: write,
    summary: 'Relate the prompt to another one',
    params: PromptId,
    body: Strict({
      targetId: Target,
      type: RelationshipKind,
      strength: Type.Optional(Type.Number({ ...Strength, description: 'From 0 (barely) to 1 (fully); 1 without it' })),
      metadata: Type.Optional(Metadata),
    }),
    status: 201,
    reply: Relationship,
    errors: [PromptNotFound, RelationshipExists, TargetNotFound, SelfRelated, TypeKept, CycleClosed, MetadataTooLarge],
    etag,
    location: ({ id }) => `/relationships/${id}`,
    handle: ({ params, body }, ctx) => relate({ ...params, ...body }, ctx),
  }),
  endpoint({
    name: 'relationships.list',
    method: 'GET',
    path: '/prompts/:id/relationships',
    access: read,
    summary: 'List the relationships of a prompt, newest first',
    params: PromptId,
    query: Strict({
      direction: Type.Optional(
        Type.Enum(['both', 'outgoing', 'incoming'], { description: 'outgoing: the prompt is the source; both without it' }),
      ),
      type: Type.Optional(Type.Array(RelationshipKind, { maxItems: 20, description: 'Repeatable; any of them' })),
      minStrength: Type.Optional(Type.Number({ minimum: 0, maximum: 1, description: 'No weaker ones' })),
      ...PageQuery,
    }),
    reply: PageOf(Relationship),
    errors: [PromptNotFound],
    handle: ({ params, query }, ctx) => listRelationships({ ...params, ...query }, ctx),
  }),
  endpoint({
    name: 'relationships.graph',
    method: 'GET',
    path: '/prompts/:id/relationships/graph',
    access: read,
    summary: 'The prompts around a prompt, and how they are related',
    params: PromptId,
    query: Strict({
      depth: Type.Optional(
        Type.Integer({ minimum: 1, maximum: maxDepth, description: 'Over how many relationships, in any direction; 2 without it' }),
      ),
    }),
    reply: GraphReply,
    errors: [PromptNotFound],
    handle: ({ params, query }, ctx) => getGraph({ ...params, ...query }, ctx),
  }),
  endpoint({
    name: 'relationships.related',
    method: 'GET',
    path: '/prompts/:id/related',
    access: read,
    summary: 'Prompts related to a prompt by relationships, content and shared use, with scores and reasons',
    params: PromptId,
    query: Strict({
      limit: Type.Optional(Type.Integer({ minimum: 1, description: 'How many, 1 to 200 (more is taken as 200); 10 without it' })),
    }),
    reply: Strict({
      items: Type.Array(Related),
      compared: Type.Integer({ minimum: 0, description: 'How many prompts were looked at, 300 at most' }),
    }),
    errors: [PromptNotFound],
    handle: ({ params, query }, ctx) => getRelated({ ...params, ...query }, sources, ctx),
  }),
]

const ofRelationships: AnyEndpoint[] = [
  endpoint({
    name: 'relationships.stats',
    method: 'GET',
    path: '/relationships/stats',
    access: read,
    summary: 'How the prompts of the workspace are related, in numbers',
    reply: StatsReply,
    handle: (_, ctx) => getStats(ctx),
  }),
  endpoint({
    name: 'relationships.validate',
    method: 'POST',
    path: '/relationships/validate',
    access: read,
    readOnly: true,
    summary: 'Look for cycles, contradictions and dangling relationships: of a planned one, or without a body of all',
    body: Strict({
      sourceId: Type.Optional(Type.String({ ...Id, description: 'The prompt that it begins at' })),
      targetId: Type.Optional(Target),
      type: Type.Optional(RelationshipKind),
    }),
    reply: Validation,
    errors: [PlanIncomplete],
    handle: ({ body }, ctx) => {
      const plan = planOf(body)
      return plan ? validatePlan(plan, ctx) : validateGraph(ctx)
    },
  }),
  endpoint({
    name: 'relationships.get',
    method: 'GET',
    path: '/relationships/:relationshipId',
    access: read,
    summary: 'Get one relationship',
    params: AtRelationship,
    reply: Relationship,
    errors: [RelationshipNotFound],
    etag,
    handle: ({ params }, ctx) => getRelationship(params, ctx),
  }),
  endpoint({
    name: 'relationships.setStrength',
    method: 'PUT',
    path: '/relationships/:relationshipId/strength',
    access: write,
    summary: 'Say how strong a relationship is',
    params: AtRelationship,
    body: Strict({ strength: Strength }),
    reply: Relationship,
    errors: [RelationshipNotFound, RelationshipKept, PreconditionFailed],
    etag,
    handle: ({ params, body, ifMatch }, ctx) => setStrength({ ...params, ...body, ifMatch }, ctx),
  }),
  endpoint({
    name: 'relationships.delete',
    method: 'DELETE',
    path: '/relationships/:relationshipId',
    access: write,
    summary: 'Take a relationship away',
    params: AtRelationship,
    errors: [RelationshipNotFound, RelationshipKept, PreconditionFailed],
    handle: ({ params, ifMatch }, ctx) => unrelate({ ...params, ifMatch }, ctx),
  }),
]

/** @throws PlanIncomplete (422) for a body that names some of the three, not all */
function planOf(body: Partial<Plan>): Plan | undefined {
  const fields = ['sourceId', 'targetId', 'type'] as const
  const missing = fields.filter((field) => body[field] === undefined)
  if (missing.length === fields.length) return undefined
  if (missing.length === 0) return body as Plan
  const detail = 'A planned relationship has sourceId, targetId and type. Send all three, or nothing to validate the whole graph.'
  throw new AppError(PlanIncomplete, detail, {
    errors: missing.map((field) => ({ pointer: `/${field}`, code: PlanIncomplete.code, detail: 'It is needed beside the others.' })),
  })
}
