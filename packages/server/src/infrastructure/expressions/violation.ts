import { isCelError, parse, run } from '@bufbuild/cel'
import { isFunction, typeNames } from './language.ts'

type Parsed = ReturnType<typeof parse>
type Expr = Parsed['expr']
/** Why an expression cannot be saved. `code` is stable. */
export type Violation = Readonly<{ code: string; detail: string }>

export const limits = { characters: 2_000, nodes: 500, depth: 50, loops: 8, nestedLoops: 2 } as const

/** Where the walk is: how deep, in how many loops, and which names are known here. */
type Place = Readonly<{ depth: number; loops: number; names: ReadonlySet<string> }>
type Walk = { nodes: number; loops: number; variables: readonly string[] }

class Refusal extends Error {
  readonly code: string
  readonly expr: Expr
  constructor(expr: Expr, code: string, detail: string) {
    super(detail)
    this.code = code
    this.expr = expr
  }
}

/**
 * What is wrong with an expression, if anything: syntax, limits, names, functions, literal regular expressions, and a
 * result that can be seen not to be a boolean.
 * @param source no longer than `limits.characters`
 */
export function violationOf(source: string, variables: readonly string[]): Violation | undefined {
  let parsed: Parsed
  try {
    parsed = parse(source)
  } catch (error) {
    return unparsable(error as Error)
  }
  try {
    refuseOtherThanBoolean(parsed.expr)
    visit(parsed.expr, { depth: 1, loops: 0, names: new Set([...variables, ...typeNames]) }, { nodes: 0, loops: 0, variables })
    return undefined
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    const offset = parsed.sourceInfo?.positions[String(error.expr.id)] ?? 0
    return { code: error.code, detail: `${lineAndColumn(source, offset)}: ${error.message}` }
  }
}

function unparsable(error: Error & { location?: { start: { line: number; column: number } }; rawMessage?: string }): Violation {
  if (error instanceof RangeError) return { code: 'too_deep', detail: 'The expression is nested too deeply to be read. Make it flatter.' }
  const { location, rawMessage = error.message } = error
  const at = location ? `Line ${location.start.line}, column ${location.start.column}: ` : ''
  const message = rawMessage.length > 250 ? `${rawMessage.slice(0, 250)} …` : rawMessage
  return { code: 'syntax', detail: `${at}${message}. Write it in CEL, such as data.label == "production".` }
}

function lineAndColumn(source: string, offset: number): string {
  const lines = source.slice(0, offset).split('\n')
  return `Line ${lines.length}, column ${lines.at(-1)!.length + 1}`
}

const arithmetic = new Set(['_+_', '_-_', '_*_', '_/_', '_%_', '-_', 'size'])
function refuseOtherThanBoolean(expr: Expr) {
  const { exprKind } = expr
  const other =
    exprKind.case === 'listExpr' ||
    exprKind.case === 'structExpr' ||
    (exprKind.case === 'constExpr' && exprKind.value.constantKind.case !== 'boolValue') ||
    (exprKind.case === 'callExpr' && arithmetic.has(exprKind.value.function))
  if (other) throw new Refusal(expr, 'not_boolean', 'the result is not true or false. Compare it with something.')
}

function visit(expr: Expr, place: Place, walk: Walk) {
  if (++walk.nodes > limits.nodes)
    throw new Refusal(expr, 'too_large', `the expression has more than ${limits.nodes} parts. Make it shorter.`)
  if (place.depth > limits.depth)
    throw new Refusal(expr, 'too_deep', `the expression is nested more than ${limits.depth} deep. Make it flatter.`)
  const inner = { ...place, depth: place.depth + 1 }
  const { exprKind } = expr
  switch (exprKind.case) {
    case 'identExpr':
      return visitName(expr, exprKind.value.name, place, walk)
    case 'selectExpr':
      return visitAll([exprKind.value.operand], inner, walk)
    case 'callExpr':
      refuseUnknownCall(expr, exprKind.value)
      return visitAll([exprKind.value.target, ...exprKind.value.args], inner, walk)
    case 'listExpr':
      return visitAll(exprKind.value.elements, inner, walk)
    case 'structExpr':
      return visitStruct(expr, exprKind.value, inner, walk)
    case 'comprehensionExpr':
      return visitLoop(expr, exprKind.value, inner, walk)
  }
}

const visitAll = (all: readonly (Expr | undefined)[], place: Place, walk: Walk) => {
  for (const expr of all) if (expr) visit(expr, place, walk)
}

type Kinds = Expr['exprKind']
type Kind<C extends Kinds['case']> = Extract<Kinds, { case: C }> extends { value: infer V } ? V : never

function visitName(expr: Expr, name: string, { names }: Place, { variables }: Walk) {
  // `.data` is `data`, looked up from the top.
  if (!names.has(name.replace(/^\./, '')))
    throw new Refusal(expr, 'unknown_name', `there is no variable ${name}. Known are: ${variables.join(', ')}.`)
}

const misused: Readonly<Record<string, string>> = {
  has: 'has() takes a field, such as has(data.label)',
  ...Object.fromEntries(
    ['all', 'exists', 'exists_one', 'existsOne', 'map', 'filter'].map((name) => [
      name,
      `${name}() takes a name and an expression, such as data.labels.${name}(label, label == "production")`,
    ]),
  ),
}

function refuseUnknownCall(expr: Expr, { function: name, args }: Kind<'callExpr'>) {
  if (!isFunction(name))
    throw new Refusal(expr, 'unknown_function', `${misused[name] ?? `there is no function ${name}() in CEL or its strings extension`}.`)
  const pattern = args[0]?.exprKind
  if (name !== 'matches' || pattern?.case !== 'constExpr' || pattern.value.constantKind.case !== 'stringValue') return
  const tried = run('"".matches(pattern)', { pattern: pattern.value.constantKind.value })
  if (isCelError(tried)) throw new Refusal(expr, 'regular_expression', `${tried.message}. Regular expressions are those of RE2.`)
}

function visitStruct(expr: Expr, { messageName, entries }: Kind<'structExpr'>, place: Place, walk: Walk) {
  if (messageName)
    throw new Refusal(expr, 'unknown_name', `messages such as ${messageName}{} cannot be made here. Maps can: {"key": "value"}.`)
  for (const { keyKind, value } of entries) visitAll([keyKind.case === 'mapKey' ? keyKind.value : undefined, value], place, walk)
}

function visitLoop(expr: Expr, loop: Kind<'comprehensionExpr'>, place: Place, walk: Walk) {
  const { nestedLoops } = limits
  if (++walk.loops > limits.loops)
    throw new Refusal(expr, 'too_many_loops', `there are more than ${limits.loops} of all, exists, exists_one, map and filter. Use fewer.`)
  if (place.loops >= nestedLoops)
    throw new Refusal(expr, 'loops_nested', `all, exists, exists_one, map and filter stand at most ${nestedLoops} in each other.`)
  visitAll([loop.iterRange, loop.accuInit], place, walk)
  const names = new Set([...place.names, loop.iterVar, loop.accuVar])
  visitAll([loop.loopCondition, loop.loopStep, loop.result], { ...place, loops: place.loops + 1, names }, walk)
}
