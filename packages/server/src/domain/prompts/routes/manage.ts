import { Type } from 'typebox'
import { type AnyEndpoint, endpoint } from '../../../core/endpoint.ts'
import { PreconditionFailed } from '../../../core/problem.ts'
import { PageOf, Strict } from '../../../core/schemas.ts'
import { changePrompt } from '../commands/change-prompt.ts'
import { createPrompt, forkPrompt } from '../commands/create-prompt.ts'
import { deletePrompt, restorePrompt } from '../commands/lifetime.ts'
import {
  ConfigTooLarge, ContentInvalid, ContentTooLarge, FieldReadOnly, IncludeCycle, IncludeCycleLater, IncludeNotFound, LabelNotFound, LabelReserved, NameTaken,
  PromptInUse, PromptNotFound, TemplateBroken, VariablesInvalid, VersionNotFound,
} from '../model/failures.ts'
import { requireName } from '../model/prompt.ts'
import { Category, Prompt, PromptItem, Tag } from '../model/shapes.ts'
import { listFacet, listPrompts } from '../queries/list-prompts.ts'
import { getPrompt } from '../queries/prompts.ts'
import { ChangeContent, ChangePrompt, CreatePrompt, contentBody, cursor, Facets, ForkPrompt, ListQuery, limit, PromptId, WhichVersion } from './schemas.ts'

const bodyErrors = [ContentTooLarge, ConfigTooLarge, ContentInvalid, TemplateBroken, VariablesInvalid, IncludeNotFound, IncludeCycle]
const etag = ({ revision }: Prompt) => String(revision)
const location = ({ id }: Prompt) => `/prompts/${id}`

export const manage: AnyEndpoint[] = [
  endpoint({
    name: 'prompts.create', method: 'POST', path: '/prompts', access: 'prompts:write',
    summary: 'Create a prompt; its first version gets the label production unless `labels` says otherwise',
    body: CreatePrompt, bodyLimit: contentBody, status: 201, reply: Prompt,
    errors: [NameTaken, LabelReserved, ...bodyErrors], etag, location,
    handle: ({ body }, ctx) => createPrompt(body, ctx),
  }),
  endpoint({
    name: 'prompts.list', method: 'GET', path: '/prompts', access: 'prompts:read',
    summary: 'List prompts, newest first, with filters',
    query: ListQuery, reply: PageOf(PromptItem),
    handle: ({ query }, ctx) => listPrompts(query, ctx),
  }),
  endpoint({
    name: 'prompts.listCategory', method: 'GET', path: '/prompts/category/:category', access: 'prompts:read',
    summary: 'List the prompts of a category',
    params: Strict({ category: Category }), query: Strict((({ category: _c, ...rest }) => rest)(ListQuery.properties)), reply: PageOf(PromptItem),
    handle: ({ params, query }, ctx) => listPrompts({ ...query, ...params }, ctx),
  }),
  endpoint({
    name: 'prompts.listTagged', method: 'GET', path: '/prompts/tags/:tag', access: 'prompts:read',
    summary: 'List the prompts that carry a tag',
    params: Strict({ tag: Tag }), query: Strict((({ tag: _t, ...rest }) => rest)(ListQuery.properties)), reply: PageOf(PromptItem),
    handle: ({ params, query }, ctx) => listPrompts({ ...query, tag: [params.tag] }, ctx),
  }),
  endpoint({
    name: 'prompts.categories', method: 'GET', path: '/prompts/categories', access: 'prompts:read',
    summary: 'List the categories with the number of prompts in each',
    query: Strict({ limit, cursor }), reply: PageOf(Facets),
    handle: ({ query }, ctx) => listFacet('category', query, ctx),
  }),
  endpoint({
    name: 'prompts.tags', method: 'GET', path: '/prompts/tags', access: 'prompts:read',
    summary: 'List the tags with the number of prompts that carry each',
    query: Strict({ limit, cursor }), reply: PageOf(Facets),
    handle: ({ query }, ctx) => listFacet('tag', query, ctx),
  }),
  endpoint({
    name: 'prompts.get', method: 'GET', path: '/prompts/:id', access: 'prompts:read',
    summary: 'Get a prompt with its newest version, or the version or label asked for',
    params: PromptId, query: Strict(WhichVersion), reply: Prompt, errors: [PromptNotFound, VersionNotFound, LabelNotFound], etag,
    handle: ({ params, query }, ctx) => getPrompt({ ...params, ...query }, ctx),
  }),
  endpoint({
    name: 'prompts.update', method: 'PUT', path: '/prompts/:id', access: 'prompts:write',
    summary: 'Change any field; changed content, variables, engine or config make a new version',
    params: PromptId, body: ChangePrompt, bodyLimit: contentBody, reply: Prompt,
    errors: [PromptNotFound, NameTaken, PreconditionFailed, FieldReadOnly, ...bodyErrors], etag,
    handle: ({ params, body, ifMatch }, ctx) => {
      const { name, ...change } = body
      return changePrompt({ ...params, change: { ...change, name: requireName(name) }, sent: body, ifMatch }, ctx)
    },
  }),
  endpoint({
    name: 'prompts.updateContent', method: 'PUT', path: '/prompts/:id/content', access: 'prompts:write',
    summary: 'Change the content; a new version unless it is the same',
    params: PromptId, body: ChangeContent, bodyLimit: contentBody, reply: Prompt, errors: [PromptNotFound, PreconditionFailed, ...bodyErrors], etag,
    handle: ({ params, body, ifMatch }, ctx) => changePrompt({ ...params, change: body, ifMatch }, ctx),
  }),
  endpoint({
    name: 'prompts.delete', method: 'DELETE', path: '/prompts/:id', access: 'prompts:write',
    summary: 'Delete a prompt; it can be restored',
    params: PromptId, query: Strict({ force: Type.Optional(Type.Boolean({ description: 'Also when others need it; needs prompts:force' })) }),
    errors: [PromptNotFound, PromptInUse, PreconditionFailed],
    handle: async ({ params, query, ifMatch }, ctx) => {
      await deletePrompt({ ...params, ...query, ifMatch }, ctx)
      return {}
    },
  }),
  endpoint({
    name: 'prompts.restore', method: 'POST', path: '/prompts/:id/restore', access: 'prompts:write',
    summary: 'Undo a deletion',
    params: PromptId, reply: Prompt, errors: [PromptNotFound, NameTaken, IncludeCycleLater], etag,
    handle: ({ params }, ctx) => restorePrompt(params, ctx),
  }),
  endpoint({
    name: 'prompts.fork', method: 'POST', path: '/prompts/:id/fork', access: 'prompts:write',
    summary: 'Copy a version into a prompt of its own that knows its parent',
    params: PromptId, body: ForkPrompt, bodyLimit: contentBody, status: 201, reply: Prompt,
    errors: [PromptNotFound, VersionNotFound, NameTaken, LabelReserved, ...bodyErrors], etag, location,
    handle: ({ params, body }, ctx) => forkPrompt({ ...params, ...body }, ctx),
  }),
]
