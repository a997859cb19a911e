/** A text that its engine cannot parse. `offset` counts UTF-16 units from 0, `line` from 1. */
export class TemplateInvalid extends Error {
  readonly detail: string
  readonly offset?: number
  readonly line?: number
  constructor(detail: string, at?: Place) {
    super(at === undefined ? detail : `${detail} (line ${lineOf(at)})`)
    this.name = 'TemplateInvalid'
    this.detail = detail
    if (at !== undefined) {
      this.offset = at.offset
      this.line = lineOf(at)
    }
  }
}

/** A rendering that wanted more output, operations, time, memory or include depth than it may have. */
export class RenderLimit extends Error {
  readonly detail: string
  constructor(detail: string) {
    super(detail)
    this.name = 'RenderLimit'
    this.detail = detail
  }
}

/** A rendering that cannot succeed with these values: an include that is not found, a filter that refuses its input. */
export class RenderFailed extends Error {
  readonly detail: string
  readonly line?: number
  constructor(detail: string, at?: Place) {
    super(at === undefined ? detail : `${detail} (line ${lineOf(at)})`)
    this.name = 'RenderFailed'
    this.detail = detail
    if (at !== undefined) this.line = lineOf(at)
  }
}

export const isTemplateError = (error: unknown): error is TemplateInvalid | RenderLimit | RenderFailed =>
  error instanceof TemplateInvalid || error instanceof RenderLimit || error instanceof RenderFailed

export type Place = Readonly<{ text: string; offset: number }>

const lineOf = ({ text, offset }: Place): number => {
  let line = 1
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) line++
  return line
}
