import { isKept, type Relationship } from './types.ts'

type Named = Readonly<{ category: string; name: string }>
const named = ({ category, name }: Named): Named => ({ category, name })

/** A relationship as it is told. */
export const viewOf = (row: Omit<Relationship, 'kept' | 'source' | 'target' | 'warnings'>, source: Named, target: Named): Relationship => ({
  ...row,
  kept: isKept(row.type),
  source: named(source),
  target: named(target),
})
