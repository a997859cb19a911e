import { UsageError } from './output.ts'

export type Reference = Readonly<{ category: string; name: string; label?: string; version?: number }>

/** Read `category/name`, `category/name@label` or `category/name@3`; inside a part `/`, `@` and `%` are percent-encoded. */
export function parseReference(text: string): Reference {
  const [, category, name, pin] = /^([^/@]+)\/([^/@]+)(?:@([^/@]+))?$/.exec(text) ?? []
  if (category === undefined || name === undefined)
    throw new UsageError(
      `"${text}" is no reference. Write category/name, category/name@label or category/name@3; "/", "@" and "%" within a part are written %2F, %40 and %25.`,
    )
  const target = { category: decode(category, text), name: decode(name, text) }
  if (pin === undefined) return target
  return /^[1-9]\d*$/.test(pin) ? { ...target, version: Number(pin) } : { ...target, label: decode(pin, text) }
}

/** A reference with what options say beside it. */
export function pinned(text: string, { label, version }: { label?: string; version?: number }): Reference {
  const reference = parseReference(text)
  if ([reference.label ?? reference.version, label, version].filter((pin) => pin !== undefined).length > 1)
    throw new UsageError('Ask for one version or one label: by @ in the reference, --label or --version.')
  return { ...reference, ...(label !== undefined && { label }), ...(version !== undefined && { version }) }
}

function decode(part: string, text: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw new UsageError(`"${text}" is no reference: a percent sign that is meant as such is written %25.`)
  }
}
