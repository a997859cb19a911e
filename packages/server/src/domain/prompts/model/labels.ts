import { unprocessable } from '../../../core/problem.ts'
import { LabelReserved } from './failures.ts'
import type { Label, VersionNumber } from './shapes.ts'

export const defaultLabel = 'production'

/** The version that a label stands on, or null. (A label may be called "constructor".) */
export const standsOn = (labels: Readonly<Record<Label, VersionNumber>>, label: Label): VersionNumber | null =>
  Object.hasOwn(labels, label) ? labels[label]! : null

/** @throws LabelReserved (422): `latest` is what no label says */
export function assertLabel(label: Label, pointer = '/label'): void {
  if (label === 'latest')
    throw unprocessable(
      LabelReserved,
      pointer,
      'label.reserved',
      '"latest" cannot be set: leave the label out to read the newest version, and set a name of your own to serve one.',
    )
}

/** The labels of a new prompt's first version: `production` unless told otherwise. */
export function firstLabels(labels: readonly Label[] | Readonly<Record<Label, number>> | undefined): Label[] {
  if (labels === undefined) return [defaultLabel]
  if (!Array.isArray(labels)) {
    const other = Object.entries(labels).find(([, version]) => version !== 1)
    if (other)
      throw unprocessable(
        LabelReserved,
        `/labels/${other[0]}`,
        'label.no_such_version',
        `A new prompt has version 1 only; "${other[0]}" cannot stand on ${other[1]}.`,
      )
  }
  const names = Array.isArray(labels) ? (labels as readonly Label[]) : Object.keys(labels)
  for (const label of names) assertLabel(label, '/labels')
  return [...new Set(names)]
}
