import { IncludeTag, type Template as Node, Output, RenderTag, type Token, TypeGuards, Value } from 'liquidjs'
import { TemplateInvalid } from '../errors.ts'
import { parseReference } from '../reference.ts'
import type { IncludeRef, VariableUse } from '../types.ts'

/** Deeper blocks are refused: rendering them would fill the stack. */
const maxDepth = 100

/** Filters that want a text: a name that is only written, through these, is plain. */
const textFilters = new Set(
  `append prepend upcase downcase capitalize strip lstrip rstrip squish strip_newlines strip_html newline_to_br
   normalize_whitespace escape escape_once xml_escape unescape url_encode url_decode cgi_escape uri_escape slugify replace
   replace_first replace_last remove remove_first remove_last truncate truncatewords number_of_words base64_encode
   base64_decode sha256 hmac_sha256 split raw`.split(/\s+/),
)

type Walk = { uses: Map<string, boolean>; includes: Map<string, IncludeRef>; assigned: Set<string>; blocks: ReadonlySet<string>[] }
type Filters = readonly Readonly<{ name: string; args: readonly unknown[] }>[]

/**
 * The names a template takes from outside, and its includes. (liquidjs's own analysis finds the line of every name by
 * counting from the start, which takes minutes for a large text.) A name that is assigned before it is read is local.
 * Throws `TemplateInvalid` for includes whose name is not a fixed text, and for blocks nested too deeply.
 */
export const analyse = (nodes: Node[]): { uses: readonly VariableUse[]; includes: readonly IncludeRef[] } => {
  const walk: Walk = { uses: new Map(), includes: new Map(), assigned: new Set(), blocks: [] }
  visitAll(nodes, walk, 0)
  const uses = [...walk.uses].map(([name, structured]): VariableUse => ({ name, kind: structured ? 'structured' : 'plain' }))
  return { uses, includes: [...walk.includes.values()] }
}

const visitAll = (nodes: Iterable<Node>, walk: Walk, depth: number): void => {
  for (const node of nodes) visit(node, walk, depth)
}

const visit = (node: Node, walk: Walk, depth: number): void => {
  if (depth > maxDepth) throw new TemplateInvalid(`blocks are nested deeper than ${maxDepth}`, placeOf(node))
  for (const argument of node.arguments?.() ?? []) readArgument(argument, node instanceof Output, walk)
  for (const local of node.localScope?.() ?? []) walk.assigned.add(local.content)
  if (node instanceof IncludeTag || node instanceof RenderTag) addInclude(node, walk)
  const children = node.children?.(false, true).next().value
  if (children === undefined) return
  walk.blocks.push(new Set(node.blockScope?.() ?? []))
  visitAll(children as Node[], walk, depth + 1)
  walk.blocks.pop()
}

const addInclude = (node: IncludeTag | RenderTag, walk: Walk): void => {
  const name = node.partialScope()?.name
  if (name === undefined) throw new TemplateInvalid('an include names its prompt by a fixed text in quotes', placeOf(node))
  const ref = parseReference(name, placeOf(node))
  if (!walk.includes.has(ref.raw)) walk.includes.set(ref.raw, ref)
}

/** An argument is a value with filters (`Value`), or a token. Only what an output writes can be plain. */
const readArgument = (argument: unknown, isOutput: boolean, walk: Walk): void => {
  if (argument instanceof Value) readFiltered(argument.initial.postfix, argument.filters, isOutput, walk)
  else readToken(argument, false, walk)
}

const readFiltered = (operands: readonly Token[], filters: Filters, isOutput: boolean, walk: Walk): void => {
  const plain = isOutput && operands.length === 1 && filters.every(({ name }) => textFilters.has(name))
  for (const operand of operands) readToken(operand, plain, walk)
  for (const { args } of filters) for (const arg of args) readToken(Array.isArray(arg) ? arg[1] : arg, false, walk)
}

const readToken = (token: unknown, plain: boolean, walk: Walk): void => {
  if (TypeGuards.isRangeToken(token)) {
    readToken(token.lhs, false, walk)
    readToken(token.rhs, false, walk)
  } else if (TypeGuards.isFilteredValueToken(token)) readFiltered(token.initial.postfix, token.filters, false, walk)
  else if (TypeGuards.isPropertyAccessToken(token)) {
    const [root, ...members] = token.props
    if (token.variable !== undefined) readToken(token.variable, false, walk)
    else if (TypeGuards.isWordToken(root) || TypeGuards.isQuotedToken(root)) addUse(root.content, !plain || members.length > 0, walk)
    else readToken(root, false, walk)
    for (const member of members) readToken(member, false, walk)
  }
}

const addUse = (name: string, structured: boolean, walk: Walk): void => {
  if (walk.assigned.has(name) || walk.blocks.some((names) => names.has(name))) return
  walk.uses.set(name, structured || (walk.uses.get(name) ?? false))
}

const placeOf = ({ token }: Node) => ({ text: token.input, offset: token.begin })
