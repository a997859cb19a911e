export type Engine = 'mustache' | 'liquid' | 'none'

/**
 * How a text uses a name. `plain`: as text, `{{name}}`. `structured`: anything from which a text cannot be assumed
 * (sections, dotted roots, conditions, loops).
 * `inner`: the name occurs only inside mustache sections, where it may as well be a property of the section's items;
 * a caller should then not require it.
 */
export type VariableUse = Readonly<{ name: string; kind: 'plain' | 'structured'; inner?: true }>

/** A parsed `category/name`, `category/name@label` or `category/name@3`; `raw` is what the text says. */
export type IncludeRef = Readonly<{ raw: string; category: string; name: string; label?: string; version?: number }>

/** What a rendering may spend; more throws `RenderLimit`. */
export type Limits = Readonly<{
  /** Characters (UTF-16 units) of output. */
  output: number
  /** Nodes visited and names looked up, over all included templates. */
  operations: number
  /** How many includes may be open inside each other. */
  includeDepth: number
  /** Milliseconds that a rendering may take once it has entered a liquid template. */
  liquidMs: number
  /** Characters and elements that liquid filters, ranges and captures may make, summed up. */
  liquidMemory: number
}>

export type RenderOptions = Readonly<{
  /**
   * Finds what a template includes; `from` is the included template in which the reference stands, undefined for the
   * outermost text. Undefined, or no function at all, throws `RenderFailed` when an include is reached.
   */
  include?: (ref: IncludeRef, from: Template | undefined) => Template | undefined
  limits?: Partial<Limits>
  /** Filled with the names of the given values that were looked up and found. */
  used?: Set<string>
  /** Filled with what was to be written and not found: `name`, or `name.part` where only the part is missing. */
  missing?: Set<string>
}>

export type Template = Readonly<{
  engine: Engine
  /** The variables of this text (not of the included ones), in order of appearance, each name once. */
  uses: readonly VariableUse[]
  /** The references of this text in order of appearance, each once. */
  includes: readonly IncludeRef[]
  /** Fill in the values. Throws `RenderLimit` or `RenderFailed`. Never changes `values`. */
  render: (values: Readonly<Record<string, unknown>>, options?: RenderOptions) => string
  /** For the engines themselves: rendering as a part of another template. */
  part: Part
}>

/** A template as the engines see it. */
export type Part = Readonly<{
  engine: Engine
  /** The text as it was given; an indented copy of it is parsed where an include stands alone on an indented line. */
  text: string
  /** Write into `run.out`, looking names up in `scope`. */
  write: (run: Run, scope: Scope) => void
  /** Parses another text with the same engine: an indented copy. */
  parse: (text: string) => Part
  /** Indented copies that were made of this part; bounded, see `indentation.ts`. */
  copies: Map<string, Part>
}>

/** Where names are looked up: the innermost value first. Only the outermost frame of a run has no `up`. */
export type Scope = Readonly<{ value: unknown; up: Scope | null }>

/** One rendering, through all its includes: what it has written and spent. The one mutable thing of the engines. */
export type Run = {
  readonly limits: Limits
  readonly root: Scope
  readonly include: RenderOptions['include']
  readonly used: Set<string> | undefined
  readonly missing: Set<string> | undefined
  out: string
  operations: number
  /** The included templates that are being written, the outermost first. */
  readonly open: Template[]
  /** When liquid has to be done, by `performance.now()`; 0 until the first liquid template is entered. */
  deadline: number
  /** Left over of `limits.liquidMemory`. */
  memory: number
}
