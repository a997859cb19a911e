import type { Warning } from './content.ts'
import type { State, VersionState } from './prompt.ts'
import type { Prompt } from './shapes.ts'

/** A prompt as its author sees it, with the body of one version. */
export function promptView(
  state: State,
  { version, body, checksum, redaction }: Pick<VersionState, 'version' | 'body' | 'checksum' | 'redaction'>,
  warnings: readonly Warning[] = [],
): Prompt {
  const { deletedAt, tags, labels, metadata, ...facts } = state
  return {
    ...facts,
    ...body,
    tags: [...tags],
    labels: { ...labels },
    metadata: { ...metadata },
    version,
    checksum,
    ...(deletedAt !== null && { deletedAt }),
    ...(redaction && { redacted: redaction }),
    ...(warnings.length > 0 && { warnings: [...warnings] }),
  }
}
