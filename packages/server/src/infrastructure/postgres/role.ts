import { sql } from 'kysely'
import type { Database } from './database.ts'

/** @throws when the role that requests work as could get round row-level security */
export async function requireWeakRole(database: Database, workspaceId: string): Promise<void> {
  const strong = await database.within({ workspaceId }, 'read', async (db) => {
    const { rows } = await sql<{ role: string; strong: boolean }>`
      select current_user as role, (select rolsuper or rolbypassrls from pg_roles where rolname = current_user)
        or exists (select 1 from pg_class c join pg_namespace n on n.oid = c.relnamespace
          where n.nspname = 'public' and c.relkind = 'r' and pg_get_userbyid(c.relowner) = current_user) as strong`.execute(db)
    return rows[0]!
  })
  if (strong.strong) throw new Error(`the role ${strong.role} owns tables or bypasses row-level security; give ps_app nothing but its grants`)
}
