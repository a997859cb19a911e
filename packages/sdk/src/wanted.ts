import type { Values } from './fill.ts'
import type { Conduct, Content } from './types.ts'

export type Wanted = Readonly<{
  category: string
  name: string
  /** `production` when neither a label nor a version is asked for. */
  label?: string
  version?: number
  /** Takes part in an experiment, if one runs. */
  unitId?: string
  /** Values by name: `content` is then filled with them. */
  variables?: Values
  /** The answer when the service is away and nothing is known, or when it has no such prompt. */
  fallback?: Content
}> &
  Pick<Conduct, 'timeoutMs' | 'retries'>

/** One string for what is asked, the same for the same. */
export const keyOf = ({ category, name, label, version, unitId, variables }: Partial<Record<keyof Wanted, unknown>>): string =>
  JSON.stringify([category, name, version ?? label ?? 'production', unitId ?? null, variables ?? null])
