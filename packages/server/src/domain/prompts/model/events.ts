import { Type } from 'typebox'
import { eventType } from '../../../core/events.ts'
import { Strict } from '../../../core/schemas.ts'
import { Status } from './shapes.ts'

const name = { category: Type.String(), name: Type.String() }
const version = Type.Integer({ minimum: 1 })

export const promptCreated = eventType('prompt.created', Strict({ ...name, version }), {
  description: 'A prompt was made, with its first version',
})
export const promptUpdated = eventType(
  'prompt.updated',
  Strict({ ...name, fields: Type.Array(Type.String()), previous: Type.Optional(Strict(name)) }),
  { description: 'What stands beside the text was changed: name, category, description, tags, metadata; `previous` after a rename' },
)
export const versionCreated = eventType(
  'prompt.version_created',
  // Not its checksum: the hash of a short text can be guessed, and what was told cannot all be taken back.
  Strict({ ...name, version, changeType: Type.String() }),
  { description: 'A prompt got a new version' },
)
export const labelMoved = eventType(
  'prompt.label_moved',
  Strict({ ...name, label: Type.String(), from: Type.Union([version, Type.Null()]), to: Type.Union([version, Type.Null()]) }),
  { description: 'A label stands on another version; null: on none' },
)
export const promptForked = eventType('prompt.forked', Strict({ ...name, from: Strict({ promptId: Type.String(), version }) }), {
  description: 'A prompt was made of another one',
})
/** The versions that are served or newest include other prompts than before. Told once it is stored. */
export const includesChanged = eventType('prompt.includes_changed', Strict(name), {
  description: 'A prompt includes other prompts than before',
})
export const promptDeleted = eventType('prompt.deleted', Strict(name), { description: 'A prompt was deleted; it can be restored' })
export const promptRestored = eventType('prompt.restored', Strict(name), { description: 'A deleted prompt is back' })
export const statusChanged = eventType('prompt.status_changed', Strict({ ...name, from: Status, to: Status }), {
  description: 'A prompt has another status',
})
const redaction = Strict({ ...name, version })
export const redactionRequested = eventType('prompt.redaction_requested', redaction, {
  description: 'Somebody asked that the text of a version be removed for good',
})
export const redactionWithdrawn = eventType('prompt.redaction_withdrawn', redaction, {
  description: 'A request to remove a text was withdrawn',
})
/** The text of a version is gone: whoever keeps anything that was made of it removes that too. */
export const promptRedacted = eventType('prompt.redacted', redaction, { description: 'The text of a version was removed for good' })

/** Everything this context tells. */
export const promptEvents = [
  promptCreated,
  promptUpdated,
  versionCreated,
  labelMoved,
  promptForked,
  includesChanged,
  promptDeleted,
  promptRestored,
  statusChanged,
  redactionRequested,
  redactionWithdrawn,
  promptRedacted,
]
