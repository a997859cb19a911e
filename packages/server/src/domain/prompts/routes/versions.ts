import { hash } from 'node:crypto'
import { Type } from 'typebox'
import { type AnyEndpoint, endpoint } from '../../../core/endpoint.ts'
import { PreconditionFailed } from '../../../core/problem.ts'
import { Id, Nullable, PageOf, Strict, Timestamp } from '../../../core/schemas.ts'
import { deleteLabel, revertLabel, setLabel } from '../commands/labels.ts'
import { rollbackVersion } from '../commands/rollback-version.ts'
import { VersionDiff } from '../model/diff.ts'
import {
  IncludeCycleLater,
  IncludeTooDeepLater,
  LabelInUse,
  LabelMoved,
  LabelNotFound,
  LabelProtected,
  LabelReserved,
  NothingToRevert,
  PolicyBlocked,
  PromptNotFound,
  VersionNotFound,
  VersionRedacted,
} from '../model/failures.ts'
import type { Gates } from '../model/gates.ts'
import { BreakGlass, Label, Prompt, Reason, Version, VersionNumber } from '../model/shapes.ts'
import { diffOf, getVersion, listLabelMoves, listVersions, usedBy } from '../queries/history.ts'
import { breakGlassReason, cursor, glassOf, includeTotal, limit, PromptId } from './schemas.ts'

const AtVersion = Strict({ id: Id, version: VersionNumber })
const AtLabel = Strict({ id: Id, label: Label })
const MovedLabel = Strict({
  label: Label,
  version: VersionNumber,
  previousVersion: Nullable(VersionNumber),
  promptId: Id,
  revision: Type.Integer({ description: 'The revision of the prompt after the move' }),
})
/** What bringing a version into use may meet. */
const laterErrors = [VersionRedacted, IncludeCycleLater, IncludeTooDeepLater, LabelInUse, LabelProtected, PolicyBlocked]
/** What of a version changes: where labels stand, and who has approved it. */
const versionTag = ({ checksum, labels, approvals }: Version): string => {
  const approved = approvals.length > 0 ? hash('sha256', JSON.stringify(approvals), 'base64url').slice(0, 12) : ''
  return [checksum.slice(0, 24), labels.join('+'), approved].filter((part) => part !== '').join('-')
}
const etag = ({ revision }: { revision: number }) => String(revision)

export const versions = (gates: Gates): AnyEndpoint[] => [
  endpoint({
    name: 'prompts.versions',
    method: 'GET',
    path: '/prompts/:id/versions',
    access: 'prompts:read',
    summary: 'List the versions of a prompt, newest first',
    params: PromptId,
    query: Strict({ limit, cursor, includeTotal }),
    reply: PageOf(Version),
    errors: [PromptNotFound],
    handle: ({ params, query }, ctx) => listVersions({ ...params, ...query }, ctx),
  }),
  endpoint({
    name: 'prompts.version',
    method: 'GET',
    path: '/prompts/:id/versions/:version',
    access: 'prompts:read',
    summary: 'Get one version',
    params: AtVersion,
    reply: Version,
    errors: [VersionNotFound, PromptNotFound],
    etag: versionTag,
    handle: ({ params }, ctx) => getVersion(params, ctx),
  }),
  endpoint({
    name: 'prompts.diff',
    method: 'GET',
    path: '/prompts/:id/versions/:a/diff/:b',
    access: 'prompts:read',
    summary: 'What changed from version a to version b: text, words, variables, config, tokens',
    params: Strict({ id: Id, a: VersionNumber, b: VersionNumber }),
    reply: VersionDiff,
    errors: [VersionNotFound, PromptNotFound, VersionRedacted],
    handle: ({ params }, ctx) => diffOf(params, ctx),
  }),
  endpoint({
    name: 'prompts.rollback',
    method: 'POST',
    path: '/prompts/:id/versions/:version/rollback',
    access: 'prompts:write',
    summary: 'Make an earlier version the newest again, as a new version, and move the named labels to it',
    params: AtVersion,
    body: Strict({
      reason: Type.Optional(Reason),
      labels: Type.Optional(Type.Array(Label, { maxItems: 100 })),
      breakGlass: Type.Optional(BreakGlass),
    }),
    status: 201,
    reply: Prompt,
    errors: [PromptNotFound, VersionNotFound, LabelReserved, ...laterErrors],
    etag,
    location: ({ id, version }) => `/prompts/${id}/versions/${version}`,
    handle: ({ params, body }, ctx) => rollbackVersion(gates)({ ...params, ...body }, ctx),
  }),
  endpoint({
    name: 'prompts.setLabel',
    method: 'PUT',
    path: '/prompts/:id/labels/:label',
    access: 'labels:write',
    summary: 'Let a label stand on a version',
    params: AtLabel,
    body: Strict({
      version: VersionNumber,
      expectedVersion: Type.Optional(
        Nullable(VersionNumber, { description: 'Refuse the move unless the label is there now; null: not set' }),
      ),
      reason: Type.Optional(Reason),
      breakGlass: Type.Optional(BreakGlass),
    }),
    reply: MovedLabel,
    errors: [PromptNotFound, VersionNotFound, LabelMoved, LabelReserved, PreconditionFailed, ...laterErrors],
    etag,
    handle: ({ params, body, ifMatch }, ctx) => setLabel(gates)({ ...params, ...body, ifMatch }, ctx),
  }),
  endpoint({
    name: 'prompts.deleteLabel',
    method: 'DELETE',
    path: '/prompts/:id/labels/:label',
    access: 'labels:write',
    summary: 'Take a label away',
    params: AtLabel,
    query: Strict({ breakGlassReason }),
    errors: [LabelNotFound, PromptNotFound, LabelInUse, LabelProtected, PolicyBlocked, PreconditionFailed],
    handle: ({ params, query, ifMatch }, ctx) =>
      deleteLabel(gates)({ ...params, ifMatch, breakGlass: glassOf(query.breakGlassReason) }, ctx),
  }),
  endpoint({
    name: 'prompts.labelHistory',
    method: 'GET',
    path: '/prompts/:id/labels/:label/history',
    access: 'prompts:read',
    summary: 'List the moves of a label, newest first',
    params: AtLabel,
    query: Strict({ limit, cursor }),
    reply: PageOf(
      Strict({
        label: Label,
        from: Nullable(VersionNumber),
        to: Nullable(VersionNumber),
        reason: Nullable(Type.String()),
        movedBy: Type.String(),
        movedAt: Timestamp,
      }),
    ),
    errors: [PromptNotFound],
    handle: ({ params, query }, ctx) => listLabelMoves({ ...params, ...query }, ctx),
  }),
  endpoint({
    name: 'prompts.revertLabel',
    method: 'POST',
    path: '/prompts/:id/labels/:label/revert',
    access: 'labels:write',
    summary: 'Put a label back to where its last move took it from',
    params: AtLabel,
    body: Strict({ reason: Type.Optional(Reason), breakGlass: Type.Optional(BreakGlass) }),
    reply: MovedLabel,
    errors: [LabelNotFound, PromptNotFound, NothingToRevert, ...laterErrors],
    etag,
    handle: ({ params, body }, ctx) => revertLabel(gates)({ ...params, ...body }, ctx),
  }),
  endpoint({
    name: 'prompts.usedBy',
    method: 'GET',
    path: '/prompts/:id/used-by',
    access: 'prompts:read',
    summary: 'Who depends on this prompt: prompts that include it, and the labels it carries',
    params: PromptId,
    reply: Strict({
      prompts: Type.Array(
        Strict({
          id: Id,
          category: Type.String(),
          name: Type.String(),
          version: VersionNumber,
          reference: Type.String(),
          labels: Type.Array(Type.String()),
        }),
      ),
      labels: Type.Array(Type.String()),
    }),
    errors: [PromptNotFound],
    handle: ({ params }, ctx) => usedBy(params, ctx),
  }),
]
