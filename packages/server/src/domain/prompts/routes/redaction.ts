import { Type } from 'typebox'
import { type AnyEndpoint, endpoint } from '../../../core/endpoint.ts'
import { Id, Strict } from '../../../core/schemas.ts'
import { getRedaction, redactVersion, withdrawRedaction } from '../commands/redact-version.ts'
import {
  PromptNotFound,
  RedactionNeedsAnother,
  RedactionNotFound,
  VersionInUse,
  VersionNotFound,
  VersionRedacted,
} from '../model/failures.ts'
import { RedactionView } from '../model/redaction.ts'
import { VersionNumber } from '../model/shapes.ts'

const AtVersion = Strict({ id: Id, version: VersionNumber })
const path = '/prompts/:id/versions/:version/redact'

export const redaction: AnyEndpoint[] = [
  endpoint({
    name: 'prompts.redact',
    method: 'POST',
    path,
    access: 'prompts:redact',
    summary: 'Ask to remove the text of a version for good; the same call by another person does it',
    params: AtVersion,
    body: Strict({
      reason: Type.String({ minLength: 1, maxLength: 2000, description: 'Why; stays with the version. That of the first call counts' }),
      salt: Type.Optional(
        Type.String({
          minLength: 32,
          maxLength: 200,
          description: 'Of the second call: random, kept by you alone, to prove later what was removed; without it nobody can',
        }),
      ),
    }),
    reply: RedactionView,
    errors: [PromptNotFound, VersionNotFound, VersionRedacted, RedactionNeedsAnother, VersionInUse],
    handle: ({ params, body }, ctx) => redactVersion({ ...params, ...body }, ctx),
  }),
  endpoint({
    name: 'prompts.redaction',
    method: 'GET',
    path,
    access: 'prompts:read',
    summary: 'The request to redact a version that waits for another person, and what it would do',
    params: AtVersion,
    reply: RedactionView,
    errors: [RedactionNotFound, PromptNotFound, VersionNotFound, VersionRedacted],
    handle: ({ params }, ctx) => getRedaction(params, ctx),
  }),
  endpoint({
    name: 'prompts.withdrawRedaction',
    method: 'DELETE',
    path,
    access: 'prompts:redact',
    summary: 'Withdraw a request to redact a version',
    params: AtVersion,
    errors: [RedactionNotFound, PromptNotFound],
    handle: ({ params }, ctx) => withdrawRedaction(params, ctx),
  }),
]
