import { type Static, Type } from 'typebox'
import { Nullable, ShortText, Strict, Timestamp } from '../../../core/schemas.ts'
import { sentBack } from '../../../core/sent-back.ts'
import { Permission } from './api-keys.ts'
import { builtInRoles, type Grant, permissions } from './roles.ts'

const uuid = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}'
export const RoleId = Type.String({
  pattern: `^(${uuid}|${Object.keys(builtInRoles).join('|')})$`,
  description: 'UUIDv7; the name, for a built-in role',
})

export const Role = Strict(
  {
    id: RoleId,
    name: Type.String(),
    description: Type.String(),
    builtIn: Type.Boolean({ description: 'There in every workspace, and never changed' }),
    permissions: Type.Array(Type.String()),
    categories: Nullable(Type.Array(Type.String()), { description: 'Where it holds; null: everywhere' }),
    labels: Nullable(Type.Array(Type.String()), { description: 'For which labels it holds; null: for all' }),
    createdBy: Nullable(Type.String()),
    createdAt: Nullable(Timestamp),
    updatedAt: Nullable(Timestamp),
    revision: Type.Integer({ description: 'Counts its changes' }),
  },
  { $id: 'Role' },
)
export type Role = Static<typeof Role>

const description = Type.String({ maxLength: 10_000, description: 'What it is for' })
const name = ShortText('Keys and members have the role by this name')
const given = Type.Array(Permission, { maxItems: 100, description: `Some of: ${permissions.join(', ')}` })
const categories = Type.Array(ShortText('A category'), {
  minItems: 1,
  maxItems: 200,
  description: 'It holds for prompts of these categories alone',
})
const labels = Type.Array(Type.String({ pattern: '^[a-z][a-z0-9._-]{0,63}$', description: 'A label' }), {
  minItems: 1,
  maxItems: 200,
  description: 'It holds for these labels alone: to serve by, and to move',
})

export const CreateRole = Strict(
  {
    name,
    description: Type.Optional(description),
    permissions: given,
    categories: Type.Optional(Nullable(categories)),
    labels: Type.Optional(Nullable(labels)),
  },
  { $id: 'CreateRole' },
)
export type CreateRole = Static<typeof CreateRole>

export const roleReadOnly = ['id', 'builtIn', 'createdBy', 'createdAt', 'updatedAt', 'revision'] as const
export const UpdateRole = Strict(
  {
    name: Type.Optional(name),
    description: Type.Optional(Nullable(description)),
    permissions: Type.Optional(given),
    categories: Type.Optional(Nullable(categories)),
    labels: Type.Optional(Nullable(labels)),
    ...sentBack(Role.properties, roleReadOnly),
  },
  { $id: 'UpdateRole' },
)
export type UpdateRole = Static<typeof UpdateRole>

/** The built-in roles, as they are listed. */
export const builtIns: readonly Role[] = Object.entries(builtInRoles).map(([role, given]) => ({
  id: role,
  name: role,
  description: '',
  builtIn: true,
  permissions: [...given],
  categories: null,
  labels: null,
  createdBy: null,
  createdAt: null,
  updatedAt: null,
  revision: 1,
}))

/** What a role gives. */
export const grantOfRole = ({ permissions, categories, labels }: Pick<Role, 'permissions' | 'categories' | 'labels'>): Grant => ({
  permissions,
  ...(categories && { categories }),
  ...(labels && { labels }),
})
