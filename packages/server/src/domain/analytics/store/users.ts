import { sql } from 'kysely'
import type { Db } from '../../../core/db.ts'
import { addUse, admitted, mostUsersPerDay, type PlacedUser } from '../model/rollup.ts'
import { numbers, texts } from './arrays.ts'

/** Add to the sums of users; beyond the limit of a day they go to its empty user. Only one may do so at a time. @param db across workspaces */
export async function addUsers(db: Db, users: readonly PlacedUser[], most = mostUsersPerDay): Promise<void> {
  for (const [, group] of Map.groupBy(users, ({ workspaceId, at }) => `${workspaceId} ${at}`)) {
    const { workspaceId, at } = group[0]!
    const present = await presentUsers(db, workspaceId, at, group)
    const isNew = group.some(({ userHash }) => !present.has(userHash))
    const count = isNew ? await countUsers(db, workspaceId, at) : 0
    const own = admitted(
      group.map(({ userHash }) => userHash),
      present,
      count,
      most,
    )
    const counted = new Map<string, PlacedUser>()
    for (const user of group) {
      const userHash = own.has(user.userHash) ? user.userHash : ''
      const one = counted.get(userHash)
      if (one) addUse(one.sums, user.sums)
      else counted.set(userHash, { ...user, userHash, sums: { ...user.sums } })
    }
    await save(db, [...counted.values()])
  }
}

async function presentUsers(db: Db, workspaceId: string, at: number, group: readonly PlacedUser[]): Promise<Set<string>> {
  const { rows } = await sql<{ hash: string }>`
    select encode(user_hash, 'hex') as hash from usage_user where workspace_id = ${workspaceId} and at = to_timestamp(${at}::bigint / 1000.0)
      and user_hash in (select decode(h, 'hex') from unnest(${texts(group.map(({ userHash }) => userHash))}::text[]) h)`.execute(db)
  return new Set(rows.map(({ hash }) => hash))
}

async function countUsers(db: Db, workspaceId: string, at: number): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from usage_user where workspace_id = ${workspaceId} and at = to_timestamp(${at}::bigint / 1000.0) and user_hash <> ''`.execute(
    db,
  )
  return rows[0]!.count
}

async function save(db: Db, users: readonly PlacedUser[]): Promise<void> {
  const sum = (name: keyof PlacedUser['sums']) => numbers(users.map(({ sums }) => sums[name]))
  await sql`
    insert into usage_user as u (workspace_id, at, user_hash, requests, errors, tokens, output_tokens, cost_micros)
    select w, to_timestamp(at / 1000.0), decode(h, 'hex'), r, e, t, o, c
    from unnest(${numbers(users.map(({ workspaceId }) => workspaceId))}::uuid[], ${numbers(users.map(({ at }) => at))}::bigint[],
      ${texts(users.map(({ userHash }) => userHash))}::text[], ${sum('requests')}::bigint[], ${sum('errors')}::bigint[], ${sum('tokens')}::bigint[],
      ${sum('outputTokens')}::bigint[], ${sum('costMicros')}::bigint[]) as n (w, at, h, r, e, t, o, c)
    on conflict (workspace_id, at, user_hash) do update set requests = u.requests + excluded.requests, errors = u.errors + excluded.errors,
      tokens = u.tokens + excluded.tokens, output_tokens = u.output_tokens + excluded.output_tokens, cost_micros = u.cost_micros + excluded.cost_micros`.execute(
    db,
  )
}
