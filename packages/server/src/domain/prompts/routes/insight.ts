import { Type } from 'typebox'
import { type AnyEndpoint, endpoint } from '../../../core/endpoint.ts'
import { PageOf, Strict } from '../../../core/schemas.ts'
import { Drift } from '../model/drift.ts'
import { DriftInUse, driftWindows, type UseDrift } from '../model/drift-in-use.ts'
import { LabelNotFound, PromptNotFound, VersionNotFound } from '../model/failures.ts'
import { VersionNumber } from '../model/shapes.ts'
import { type Lint, lintSubject, noModel, Suggestions } from '../model/suggestions.ts'
import { getDrift } from '../queries/drift.ts'
import { getPrompt } from '../queries/prompts.ts'
import { cursor, limit, PromptId, WhichVersion } from './schemas.ts'

const Bound = (description: string) => Type.Optional(Type.Integer({ ...VersionNumber, description }))
const { items, nextCursor } = PageOf(Drift).properties

const days = (most: number, description: string) => Type.Optional(Type.Integer({ minimum: 1, maximum: most, description }))

/** @param lint looks for faults in a prompt @param inUse tells how its use has changed */
export const insight = (lint: Lint, inUse: UseDrift): AnyEndpoint[] => [
  endpoint({
    name: 'prompts.drift',
    method: 'GET',
    path: '/prompts/:id/drift',
    access: 'prompts:read',
    summary: 'How the text changed from each version to the next, the latest change first, and how use changed',
    params: PromptId,
    query: Strict({
      from: Bound('The earliest version looked at; 1 without it'),
      to: Bound('The latest; the newest without it'),
      recentDays: days(90, `Use of so many days, today among them, is compared; ${driftWindows.recentDays} without it`),
      baselineDays: days(365, `With that of so many days before; ${driftWindows.baselineDays} without it`),
      limit,
      cursor,
    }),
    reply: Strict({ items, nextCursor, overall: Type.Optional(Drift), inUse: Type.Optional(DriftInUse) }),
    errors: [PromptNotFound, VersionNotFound],
    handle: ({ params, query }, ctx) => getDrift({ ...params, ...query }, ctx, inUse),
  }),
  endpoint({
    name: 'prompts.suggestions',
    method: 'GET',
    path: '/prompts/:id/suggestions',
    access: 'prompts:read',
    summary: 'What could be better in the text of a prompt, the gravest first',
    params: PromptId,
    query: Strict({
      ...WhichVersion,
      llm: Type.Optional(
        Type.Boolean({ description: 'Ask a language model too, where one is set up; else `warnings` says that there is none' }),
      ),
    }),
    reply: Suggestions,
    errors: [PromptNotFound, VersionNotFound, LabelNotFound],
    handle: async ({ params, query: { llm, ...which } }, ctx) => {
      const prompt = await getPrompt({ ...params, ...which }, ctx)
      return { version: prompt.version, items: [...lint(lintSubject(prompt))], ...(llm && { warnings: [noModel] }) }
    },
  }),
]
