import { sql } from 'kysely'
import type { Database } from './database.ts'

/** @throws when the role that requests work as could get round row-level security */
export async function requireWeakRole(database: Database, workspaceId: string): Promise<void> {
  const strong = await database.within({ workspaceId }, 'read', async (db) => {
    const { rows } = await sql<{ role: string; strong: boolean }>`
      select current_user as role, (select rolsuper or rolbypassrls from pg_roles where rolname = current_user)
        or exists (select 1 from pg_class c join pg_namespace n on n.oid = c.relnamespace
          where n.nspname = 'public' and c.relkind in ('r', 'p') and pg_get_userbyid(c.relowner) = current_user)
        or pg_has_role(current_user, 'ps_owner', 'member') or pg_has_role(current_user, 'ps_system', 'member') as strong`.execute(db)
    return rows[0]!
  })
  if (strong.strong)
    throw new Error(
      `the role ${strong.role} owns tables, bypasses row-level security or may become a role that does; give ps_app nothing but its grants`,
    )
}
