import type { Db } from '../../../core/db.ts'
import type { Judged, ServedChange } from '../model/gates.ts'
import { standsOn } from '../model/labels.ts'
import type { State } from '../model/prompt.ts'
import type { Approval, Label, VersionNumber } from '../model/shapes.ts'
import { judging } from '../store/judged.ts'
import { promptStore } from '../store/prompt-store.ts'

/** A prompt as those see it who review it. */
export type Subject = Pick<State, 'id' | 'category' | 'name' | 'status' | 'version' | 'labels' | 'deletedAt'>

/** A prompt, live or deleted, whoever may see it, its row locked to the end of the transaction. @throws PromptNotFound */
export const lockSubject = (tx: Db, id: string): Promise<Subject> => promptStore(tx).lock(id, { deleted: true })

/** A version with its text. @throws VersionNotFound; VersionRedacted (410) */
export const findVersion = (db: Db, id: string, version: VersionNumber): Promise<Judged> => promptStore(db).version(id, version)

/** What is to become of a version. */
type Plan = Readonly<{ version: VersionNumber; labels?: readonly Label[] | undefined; status?: State['status'] | undefined }>

/** What policies are asked where labels come to stand on a version and the prompt is published, for who only wants to know. @throws PromptNotFound */
export async function changeByPlan(db: Db, id: string, { version, labels = [], status }: Plan): Promise<ServedChange> {
  const state = await promptStore(db).get(id)
  const moves = labels.map((label) => ({ label, from: standsOn(state.labels, label), to: version }))
  const publishes = status === 'published' && state.status !== 'published' && { publishes: state.version }
  return { ...judging(db, id), category: state.category, labels: moves.filter(({ from }) => from !== version), ...publishes }
}

/** Show on a version who has approved it. */
export const noteApprovals = (tx: Db, id: string, version: VersionNumber, approvals: readonly Approval[]): Promise<void> =>
  promptStore(tx).noteApprovals(id, version, approvals)
