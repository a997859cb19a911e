import type { ColumnType, Generated, Kysely } from 'kysely'

/** Each context adds the tables that it owns; see any `domain/<name>/tables.ts`. */
// biome-ignore lint/suspicious/noEmptyInterface: filled by declaration merging
export interface Tables {}

/** A handle to the database within one transaction, in which the workspace is set. */
export type Db = Kysely<Tables>

/** A `jsonb` column: read as a value, written as JSON text. */
export type Json<T> = ColumnType<T, string, string>
export type { Generated }

/** `workspace_id` is filled by the database from the workspace of the transaction. */
export type Owned = { workspaceId: Generated<string> }
