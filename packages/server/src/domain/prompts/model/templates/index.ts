import { parseLiquid } from './liquid/index.ts'
import { parseMustache } from './mustache/index.ts'
import { parseNone } from './none.ts'
import type { Engine, Template } from './types.ts'

export { detectEngine } from './detect.ts'
export { RenderFailed, RenderLimit, TemplateInvalid } from './errors.ts'
export { formatReference, parseReference } from './reference.ts'
export type { Engine, IncludeRef, RenderOptions, Template, VariableUse } from './types.ts'

/**
 * Parse a text once, to be rendered often. Pure; the template keeps no state between renderings.
 * Throws `TemplateInvalid` when the text does not follow the engine's syntax.
 */
export const parseTemplate = (engine: Engine, text: string): Template => {
  switch (engine) {
    case 'mustache':
      return parseMustache(text)
    case 'liquid':
      return parseLiquid(text)
    case 'none':
      return parseNone(text)
  }
}
