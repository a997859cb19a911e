import { type Static, Type } from 'typebox'
import { may, type Principal } from '../../../core/access.ts'
import { Nullable, ShortText, Strict, Timestamp } from '../../../core/schemas.ts'
import { sentBack } from '../../../core/sent-back.ts'

/** `latest` is what no label says. */
export const Label = Type.String({ pattern: '^(?!latest$)[a-z][a-z0-9._-]{0,63}$', description: 'A label, but not latest' })

export const LabelRule = Strict(
  {
    label: Type.String(),
    protected: Type.Boolean({ description: 'Whether it is moved only by some' }),
    roles: Nullable(Type.Array(Type.String()), { description: 'Who may move it; null: who has labels:write_protected' }),
    categories: Nullable(Type.Array(Type.String()), { description: 'Where it is protected; null: everywhere' }),
    updatedBy: Nullable(Type.String(), { description: 'null for a label without a rule' }),
    updatedAt: Nullable(Timestamp),
    revision: Type.Integer({ minimum: 0, description: 'Counts the changes of its rule; 0 for a label without one' }),
  },
  { $id: 'LabelRule' },
)
export type LabelRule = Static<typeof LabelRule>

export const ruleReadOnly = ['label', 'updatedBy', 'updatedAt', 'revision'] as const
export const ChangeLabelRule = Strict({
  ...sentBack(LabelRule.properties, ruleReadOnly),
  protected: Type.Optional(Type.Boolean({ description: 'Whether it is moved only by some' })),
  roles: Type.Optional(
    Nullable(Type.Array(ShortText('The name of a role'), { minItems: 1, maxItems: 100 }), {
      description: 'Who may move it; null: who has labels:write_protected',
    }),
  ),
  categories: Type.Optional(
    Nullable(Type.Array(ShortText('A category'), { minItems: 1, maxItems: 200 }), {
      description: 'Where it is protected; null: everywhere',
    }),
  ),
})
export type ChangeLabelRule = Static<typeof ChangeLabelRule>

/** The rule of a label that has none. */
export const noRule = (label: string): LabelRule => ({
  label,
  protected: false,
  roles: null,
  categories: null,
  updatedBy: null,
  updatedAt: null,
  revision: 0,
})

type Rule = Pick<LabelRule, 'label' | 'protected' | 'roles' | 'categories'>

export const protects = (rule: Rule, category: string): boolean => rule.protected && (rule.categories?.includes(category) ?? true)

/** Whether somebody may move a label that is protected: by one of its roles, or, without those, by the permission. */
export const mayMove = (actor: Principal, { label, roles }: Rule, category: string): boolean =>
  roles ? (actor.roles ?? []).some((role) => roles.includes(role)) : may(actor, 'labels:write_protected', { category, label })

/** Who may move it, as a sentence. */
export const movers = ({ label, roles }: Rule): string =>
  roles
    ? roles.length > 0
      ? `"${label}" is protected: only who has the role ${roles.map((role) => `"${role}"`).join(' or ')} may move it.`
      : `"${label}" is protected, and nobody may move it.`
    : `"${label}" is protected: only who has the permission "labels:write_protected" may move it.`
