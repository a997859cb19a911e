import type { Prompt, Version } from '@prompt-store/sdk'
import type { Exported, Step } from './steps.ts'

export const exportFormat = 'prompt-store.export/1'

/** A line of an export: one version. It is also a row of a history (`title, at, message, content`). */
export type ExportedRow = Readonly<{
  format: typeof exportFormat
  category: string
  title: string
  version: number
  at: string
  message: string | null
  labels: string[]
  engine: Version['engine']
  content: Version['content']
  variables: Version['variables']
  config: Version['config']
  changeType: Version['changeType']
  metadata: Version['metadata']
  createdBy: string
  checksum: string
  prompt: Exported
}>

export const isExported = (row: Readonly<Record<string, unknown>>): row is ExportedRow => row.format === exportFormat

export function exportedRow(prompt: Exported & Pick<Prompt, 'category' | 'name'>, version: Version): ExportedRow {
  const { id, description, tags, metadata, isTemplate, status, parent, createdBy, createdAt, updatedAt, category, name } = prompt
  return {
    format: exportFormat,
    category,
    title: name,
    version: version.version,
    at: version.createdAt,
    message: version.changeSummary,
    labels: version.labels,
    engine: version.engine,
    content: version.content,
    variables: version.variables,
    config: version.config,
    changeType: version.changeType,
    metadata: version.metadata,
    createdBy: version.createdBy,
    checksum: version.checksum,
    prompt: { id, description, tags, metadata, isTemplate, status, parent, createdBy, createdAt, updatedAt },
  }
}

/** A rollback is done again as one, since the version it goes back to may equal the one before it. */
export function exportedStep(row: ExportedRow, line: number): Step {
  const { version, at, message, labels, engine, content, variables, config, changeType, metadata, checksum } = row
  const rollbackOf = changeType === 'rollback' && typeof metadata.rollbackOf === 'number' ? { rollbackOf: metadata.rollbackOf } : {}
  return {
    line,
    content,
    message: message ?? undefined,
    key: undefined,
    version,
    checksum,
    labels,
    metadata: { at, ...metadata },
    declared: { engine, variables, config },
    ...rollbackOf,
  }
}
