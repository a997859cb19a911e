import { defaultWorkspaceId } from '../domain/access/index.ts'
import { rebuildIndex } from '../domain/search/index.ts'
import { openDatabase } from '../infrastructure/postgres/database.ts'

/** Let running instances make the search index anew; it goes on answering meanwhile. */
export async function rebuildSearch(url: string): Promise<void> {
  const database = openDatabase({ url, max: 1, pooled: false, onError: () => undefined })
  const by = { workspaceId: defaultWorkspaceId, actor: 'prompt-store-admin', requestId: 'search rebuild', at: new Date().toISOString() }
  try {
    await database.within('system', 'write', (db) => rebuildIndex(db, by))
  } finally {
    await database.close()
  }
}
