import type { ServedPrompt } from '@prompt-store/sdk'
import { InvalidArgumentError } from 'commander'
import { UsageError } from './output.ts'

export function versionNumber(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It is a number from 1.')
  return Number(text)
}

/** Collects `--var name=value`, as often as it is given. */
export function collectVariable(text: string, before: Record<string, string> = {}): Record<string, string> {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('Write it as name=value.')
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) }
}

/** Values that came as text, by the type that the prompt declares: numbers and booleans are read, arrays and objects are JSON. */
export function typedValues(texts: Readonly<Record<string, string>>, variables: ServedPrompt['variables']): Record<string, unknown> {
  const types = new Map(variables.map(({ name, type }) => [name, type]))
  return Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, typed(name, text, types.get(name))]))
}

function typed(name: string, text: string, type: ServedPrompt['variables'][number]['type'] | undefined): unknown {
  if (type === undefined || type === 'string' || (type === 'any' && !/^\s*[[{]/.test(text))) return text
  try {
    return JSON.parse(text)
  } catch {
    throw new UsageError(
      `--var ${name}: the prompt wants ${type === 'any' ? 'JSON' : `a value of type ${type}, written as JSON`}, not "${text}".`,
    )
  }
}
