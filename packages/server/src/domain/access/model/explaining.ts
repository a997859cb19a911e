import { type Static, Type } from 'typebox'
import { may, type On, type Principal } from '../../../core/access.ts'
import { Nullable, ShortText, Strict } from '../../../core/schemas.ts'
import { Permission } from './api-keys.ts'
import { Label, type LabelRule, mayMove, movers, protects } from './label-rules.ts'
import type { Grant } from './roles.ts'

export const Question = Strict(
  {
    principal: Type.Optional(
      Type.String({ maxLength: 64, description: 'The id of a key or a member of the workspace; the caller without it' }),
    ),
    permission: Permission,
    category: Type.Optional(ShortText('The category of the prompt concerned')),
    label: Type.Optional(Nullable(Label, { description: 'The label concerned; null: a version that no label was asked for' })),
    promptId: Type.Optional(Type.String({ maxLength: 64, description: 'The prompt concerned, in place of its category' })),
  },
  { $id: 'AccessQuestion' },
)
export type Question = Static<typeof Question>

export const Explanation = Strict(
  {
    allowed: Type.Boolean(),
    reason: Type.String({ description: 'What says so, or what is missing' }),
    principal: Type.String(),
    permission: Type.String(),
    category: Nullable(Type.String()),
    label: Nullable(Type.String()),
    binding: Strict(
      {
        kind: Type.Enum(['role', 'scopes', 'installation']),
        role: Nullable(Type.String()),
        permissions: Type.Array(Type.String()),
        categories: Nullable(Type.Array(Type.String())),
        labels: Nullable(Type.Array(Type.String())),
      },
      { description: 'Where the rights come from, and where they hold' },
    ),
    missing: Type.Array(Type.Enum(['principal', 'permission', 'category', 'label', 'protection']), {
      description: 'What stands in the way; empty when allowed',
    }),
  },
  { $id: 'AccessExplanation' },
)
export type Explanation = Static<typeof Explanation>

/** Somebody as rights are explained: what they can do, from where, and why they cannot call at all, if so. */
export type Subject = Readonly<{
  principal: Principal
  kind: Explanation['binding']['kind']
  role: string | null
  grant: Grant
  ended?: string | undefined
}>

type Asked = Readonly<{ permission: string; category?: string | undefined; label?: string | null | undefined }>
type Finding = Pick<Explanation, 'allowed' | 'reason' | 'missing'>

/** May they, and what says so? The rule of the label counts for moves of it. */
export function explain(subject: Subject, asked: Asked, rule: LabelRule | undefined): Explanation {
  const { principal, kind, role, grant } = subject
  const { permission, category, label } = asked
  const { permissions, categories = null, labels = null } = grant
  const binding = { kind, role, permissions: [...permissions], categories: categories && [...categories], labels: labels && [...labels] }
  const finding = findingOf(subject, asked, rule)
  return { ...finding, principal: principal.id, permission, category: category ?? null, label: label ?? null, binding }
}

function findingOf({ principal, kind, role, grant, ended }: Subject, asked: Asked, rule: LabelRule | undefined): Finding {
  const { permission, category, label } = asked
  const source = kind === 'role' ? `The role "${role}"` : kind === 'scopes' ? 'Its scopes' : 'The installation'
  const refuse = (reason: string, ...missing: Finding['missing']): Finding => ({ allowed: false, reason, missing })
  if (ended !== undefined) return refuse(ended, 'principal')
  if (!may(principal, permission))
    return refuse(`${source} does not give "${permission}".`.replace('Its scopes does', 'Its scopes do'), 'permission')
  const on: On = { ...(category !== undefined && { category }), ...(label !== undefined && { label }) }
  if (!may(principal, permission, on)) {
    const elsewhere = (field: On): boolean => !may(principal, permission, field)
    const missing = [
      ...(category !== undefined && elsewhere({ category }) ? (['category'] as const) : []),
      ...(label !== undefined && elsewhere({ label }) ? (['label'] as const) : []),
    ]
    return refuse(`${source} gives "${permission}" for ${placesOf(grant)} only.`, ...missing)
  }
  if (permission === 'labels:write' && rule && category !== undefined && protects(rule, category) && !mayMove(principal, rule, category))
    return refuse(movers(rule), 'protection')
  return {
    allowed: true,
    reason: `${source} gives "${permission}"${grant.categories || grant.labels ? ` for ${placesOf(grant)}` : ''}.`,
    missing: [],
  }
}

const placesOf = ({ categories, labels }: Grant): string =>
  [
    ...(categories ? [`the categories ${categories.map((name) => `"${name}"`).join(', ')}`] : []),
    ...(labels ? [`the labels ${labels.map((name) => `"${name}"`).join(', ')}`] : []),
  ].join(' and ')
