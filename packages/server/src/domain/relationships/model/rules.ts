import { AppError } from '../../../core/errors.ts'
import { unprocessable } from '../../../core/problem.ts'
import { CycleClosed, MetadataTooLarge, RelationshipKept, SelfRelated, TypeKept } from './failures.ts'
import { isKept, type PromptRef, type RelationshipType } from './types.ts'

const maxMetadataBytes = 256 * 1024

/** What can be said against a new relationship without looking at others. @throws TypeKept, SelfRelated (422), MetadataTooLarge (413) */
export function assertSayable(wanted: { sourceId: string; targetId: string; type: RelationshipType; metadata?: unknown }): void {
  if (isKept(wanted.type))
    throw unprocessable(
      TypeKept,
      '/type',
      TypeKept.code,
      `"${wanted.type}" is kept by the service: ${howKept(wanted.type)}. Choose another type.`,
    )
  if (wanted.sourceId === wanted.targetId)
    throw unprocessable(SelfRelated, '/targetId', SelfRelated.code, 'The target is the prompt itself. Name another one.')
  const bytes = Buffer.byteLength(JSON.stringify(wanted.metadata ?? {}))
  if (bytes > maxMetadataBytes)
    throw new AppError(MetadataTooLarge, `The metadata have ${bytes} bytes as JSON; ${maxMetadataBytes} are taken.`)
}

/** @throws RelationshipKept (409) for one that follows from what the prompts are */
export function assertFree({ type }: { type: RelationshipType }): void {
  if (isKept(type))
    throw new AppError(RelationshipKept, `"${type}" is kept by the service: ${howKept(type)}. It cannot be changed by hand.`)
}

const howKept = (type: RelationshipType): string =>
  type === 'includes' ? 'it follows what the text of a prompt includes' : 'it is made when a prompt is forked, and stays'

/** The refusal of a relationship that would close a cycle. @param cycle the prompts along it, first = last */
export function cycleRefusal(cycle: readonly PromptRef[]): AppError {
  const way = cycle.map(spoken)
  const shown = way.length > 12 ? [...way.slice(0, 6), '…', ...way.slice(-5)] : way
  const detail = `It would close a cycle of prompts that need each other: ${shown.join(' → ')}. Take one of these relationships away first.`
  return new AppError(CycleClosed, detail, { members: { cycle }, errors: [{ pointer: '/targetId', code: CycleClosed.code, detail }] })
}

/** A prompt in a sentence. */
export const spoken = ({ category, name }: PromptRef): string => (name === null ? '(one that you may not see)' : `${category}/${name}`)
