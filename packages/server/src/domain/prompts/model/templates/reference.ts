import { type Place, TemplateInvalid } from './errors.ts'
import type { IncludeRef } from './types.ts'

const shape = /^([^/@]+)\/([^/@]+)(?:@([^/@]+))?$/
const versionNumber = /^[1-9]\d{0,8}$/

/**
 * Read `category/name`, `category/name@label` or `category/name@3`. Inside a part `/`, `@` and `%` are percent-encoded.
 * A label made of digits only is written with an encoded digit (`%33` for `3`), as digits are a version.
 * Throws `TemplateInvalid` (at `place`, if given).
 */
export const parseReference = (raw: string, place?: Place): IncludeRef => {
  const [, category, name, pin] = shape.exec(raw.trim()) ?? []
  if (category === undefined || name === undefined) throw invalid(raw, 'write category/name, category/name@label or category/name@3', place)
  const target = { raw: raw.trim(), category: decode(category, raw, place), name: decode(name, raw, place) }
  if (pin === undefined) return target
  if (versionNumber.test(pin)) return { ...target, version: Number(pin) }
  if (/^\d+$/.test(pin)) throw invalid(raw, 'a version is a number from 1 to 999999999', place)
  return { ...target, label: decode(pin, raw, place) }
}

/** The inverse of `parseReference`: a text that can stand in a tag of either engine. */
export const formatReference = ({ category, name, label, version }: Omit<IncludeRef, 'raw'>): string => {
  const pin = version !== undefined ? `@${version}` : label !== undefined ? `@${encodeLabel(label)}` : ''
  return `${encode(category)}/${encode(name)}${pin}`
}

/** Encoded: what separates parts, what could end a tag or a quoted text, and white space at the edges. */
const special = /[/@%{}'"\\\p{Cc}]|^\s|\s$/gu
const percent = (char: string): string => {
  const encoded = encodeURIComponent(char)
  return encoded === char ? `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}` : encoded
}
const encode = (part: string): string => part.replace(special, percent)
const encodeLabel = (label: string): string => (/^\d+$/.test(label) ? percent(label.charAt(0)) + label.slice(1) : encode(label))

const decode = (part: string, raw: string, place?: Place): string => {
  try {
    return decodeURIComponent(part)
  } catch {
    throw invalid(raw, 'a percent sign that is meant as such is written %25', place)
  }
}

const invalid = (raw: string, hint: string, place?: Place): TemplateInvalid =>
  new TemplateInvalid(`"${raw.slice(0, 80)}" is no reference to a prompt: ${hint}`, place)
