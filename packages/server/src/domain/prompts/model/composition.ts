import { parseContent } from './content.ts'
import type { NodeKey } from './includes.ts'
import type { Body, ManifestEntry, Variable } from './shapes.ts'
import type { Template } from './templates/index.ts'

/** A version with its templates, parsed once. */
export type Compiled = Readonly<{ body: Body; templates: readonly Template[] }>

/** Parse a body when its templates are first asked for. */
export function compileBody(body: Body): Compiled {
  let templates: readonly Template[] | undefined
  return {
    body,
    get templates() {
      templates ??= parseContent(body.engine, body.content).templates
      return templates
    },
  }
}

/** What one version includes, by the reference in its text. */
export type Links = ReadonlyMap<string, NodeKey>
export type Part = Readonly<{ entry: ManifestEntry; compiled: Compiled; links: Links }>

/** A served version (`root`) and all that it includes, each version once: the same one may be included along many ways. */
export type Composition = Readonly<{ root: Part; parts: ReadonlyMap<NodeKey, Part> }>

/** What a composition includes, without itself. */
export const manifestOf = ({ root, parts }: Composition): ManifestEntry[] =>
  [...parts.values()].filter((part) => part !== root).map(({ entry }) => entry)

/** The variables of a composition: its own first; what it includes adds those that nobody before it declares. */
export function variablesOf({ root, parts }: Composition): Variable[] {
  if (parts.size === 1) return root.compiled.body.variables
  const variables = new Map<string, Variable>()
  for (const { compiled } of parts.values())
    for (const variable of compiled.body.variables) if (!variables.has(variable.name)) variables.set(variable.name, variable)
  return [...variables.values()]
}
