import { sql } from 'kysely'
import type { Db } from '../../../core/db.ts'
import type { ServedChange } from '../model/gates.ts'
import type { Variable } from '../model/shapes.ts'
import { promptStore } from './prompt-store.ts'

/** What policies may ask to see of a prompt that is stored. */
export const judging = (tx: Db, promptId: string): Pick<ServedChange, 'promptId' | 'version' | 'variables'> => ({
  promptId,
  version: (number) => promptStore(tx).version(promptId, number),
  variables: (number) => variablesIn(tx, promptId, number),
})

/** The variables of a version and of all that it includes as that stands now, its own first: what its callers are asked for. */
async function variablesIn(tx: Db, promptId: string, version: number): Promise<Variable[]> {
  const { rows } = await sql<{ variables: Variable[] }>`
    with recursive part (prompt_id, version, depth) as (
      select ${promptId}::uuid, ${version}::int, 0
      union
      select i.target_id, coalesce(i.target_version, l.version), p.depth + 1 from part p
      join prompt_include i on i.prompt_id = p.prompt_id and i.version = p.version
      left join prompt_label l on l.prompt_id = i.target_id and l.label = i.target_label
      where p.depth < 8
    )
    select v.variables from part p join prompt_version v on v.prompt_id = p.prompt_id and v.version = p.version order by p.depth, p.prompt_id`.execute(
    tx,
  )
  const found = new Map<string, Variable>()
  for (const { variables } of rows) for (const variable of variables) if (!found.has(variable.name)) found.set(variable.name, variable)
  return [...found.values()]
}
