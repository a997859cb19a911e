/**
 * What of an OpenAPI document would break a client of the one before. The service refuses unknown input and clients
 * trust what replies promise, so: input may only be loosened, replies may only be added to. New values of an enum in a
 * reply are not counted: clients are told to expect them.
 */
type Json = Readonly<Record<string, unknown>>
type Direction = 'input' | 'reply'
type Documents = Readonly<{ before: Json; after: Json }>

const methods = ['get', 'put', 'post', 'patch', 'delete', 'head', 'options']
const object = (value: unknown): Json => (typeof value === 'object' && value !== null ? (value as Json) : {})
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : value === undefined ? [] : [value])
const isMissingFrom = (some: unknown, all: unknown[]): boolean => !all.some((one) => JSON.stringify(one) === JSON.stringify(some))

/** @returns one line per break, such as `GET /prompts: the reply's field items[].id was removed`; none when all is well */
export function breakingChanges(before: Json, after: Json): string[] {
  const documents = { before, after }
  return Object.entries(object(before.paths)).flatMap(([path, item]) =>
    methods
      .filter((method) => object(item)[method])
      .flatMap((method) => {
        const next = object(object(after.paths)[path])[method]
        const breaks = next ? operationBreaks(object(object(item)[method]), object(next), documents) : ['the operation was removed']
        return [...new Set(breaks)].map((text) => `${method.toUpperCase()} ${path}: ${text}`)
      }),
  )
}

function operationBreaks(before: Json, after: Json, documents: Documents): string[] {
  const replies = Object.entries(object(before.responses)).filter(([status]) => status.startsWith('2'))
  return [
    ...parameterBreaks(list(before.parameters).map(object), list(after.parameters).map(object), documents),
    ...bodyBreaks(object(before.requestBody), object(after.requestBody), documents),
    ...replies.flatMap(([status, reply]) => {
      const next = object(after.responses)[status]
      return next ? contentBreaks(reply, next, { what: "the reply's", direction: 'reply', documents }) : [`the reply ${status} was removed`]
    }),
  ]
}

function parameterBreaks(before: Json[], after: Json[], documents: Documents): string[] {
  const find = (all: Json[], { name, in: where }: Json) => all.find((one) => one.name === name && one.in === where)
  return [
    ...after.filter((one) => one.required && !find(before, one)?.required).map(({ name }) => `the parameter ${name} is required now`),
    ...before.flatMap((one) => {
      const next = find(after, one)
      if (!next) return [`the parameter ${one.name} was removed`]
      return schemaBreaks(object(one.schema), object(next.schema), {
        what: 'the parameter',
        path: String(one.name),
        direction: 'input',
        documents,
        seen: [],
      })
    }),
  ]
}

function bodyBreaks(before: Json, after: Json, documents: Documents): string[] {
  const breaks = after.required && !before.required ? ['a body is required now'] : []
  if (before.content && !after.content) return ['the body was removed']
  return before.content ? [...breaks, ...contentBreaks(before, after, { what: "the body's", direction: 'input', documents })] : breaks
}

function contentBreaks(before: unknown, after: unknown, by: Pick<Place, 'what' | 'direction' | 'documents'>): string[] {
  return Object.entries(object(object(before).content)).flatMap(([type, content]) => {
    const next = object(object(after).content)[type]
    if (!next) return [`${by.what} content type ${type} was removed`]
    return schemaBreaks(object(object(content).schema), object(object(next).schema), { ...by, path: '', seen: [] })
  })
}

type Place = Readonly<{ what: string; path: string; direction: Direction; documents: Documents; seen: readonly string[] }>

function schemaBreaks(before: Json, after: Json, place: Place): string[] {
  const { direction, documents } = place
  const pair = `${before.$ref} ${after.$ref}`
  if (before.$ref && place.seen.includes(pair)) return []
  const inner = { ...place, seen: before.$ref ? [...place.seen, pair] : place.seen }
  const [was, is] = [resolve(before, documents.before), resolve(after, documents.after)]
  const [source, target] = direction === 'input' ? [was, is] : [is, was]
  const name = `${place.what} field ${place.path || '(whole)'}`
  return [
    ...typesOf(source)
      .filter((type) => !accepts(typesOf(target), type))
      .map((type) => (direction === 'input' ? `${name} takes no ${type} any more` : `${name} may be ${type} now`)),
    ...(direction === 'input' ? narrowing(was, is).map((what) => `${name} was narrowed: ${what}`) : []),
    ...fieldBreaks(was, is, inner),
    ...alternativeBreaks(was, is, inner, name),
    ...(was.items && is.items ? schemaBreaks(object(was.items), object(is.items), { ...inner, path: `${place.path}[]` }) : []),
  ]
}

function resolve(schema: Json, document: Json): Json {
  if (typeof schema.$ref !== 'string') return schema
  return schema.$ref
    .replace(/^#\//, '')
    .split('/')
    .reduce<Json>((part, key) => object(part[key]), document)
}

const typesOf = (schema: Json): unknown[] => list(schema.type)
const accepts = (types: unknown[], type: unknown) =>
  types.length === 0 || types.includes(type) || (type === 'integer' && types.includes('number'))

function fieldBreaks(was: Json, is: Json, place: Place): string[] {
  const [before, after] = [object(was.properties), object(is.properties)]
  const required = (schema: Json, name: string) => list(schema.required).includes(name)
  const named = (name: string) => `${place.path}${place.path && '.'}${name}`
  const promises =
    place.direction === 'input' ? [] : Object.keys(before).filter((name) => after[name] && required(was, name) && !required(is, name))
  const demands = place.direction === 'reply' ? [] : Object.keys(after).filter((name) => required(is, name) && !required(was, name))
  return [
    ...demands.map((name) => `${place.what} field ${named(name)} is required now`),
    ...promises.map((name) => `${place.what} field ${named(name)} may be missing now`),
    ...Object.keys(before).flatMap((name) =>
      after[name]
        ? schemaBreaks(object(before[name]), object(after[name]), { ...place, path: named(name) })
        : [`${place.what} field ${named(name)} was removed`],
    ),
  ]
}

/** Alternatives are compared one by one where their number stayed; else input may lose none, and replies may gain none. */
function alternativeBreaks(was: Json, is: Json, place: Place, name: string): string[] {
  return ['anyOf', 'oneOf', 'allOf'].flatMap((kind) => {
    const [before, after] = [list(was[kind]), list(is[kind])]
    if (before.length === after.length) return before.flatMap((one, i) => schemaBreaks(object(one), object(after[i]), place))
    const [wanted, given] = place.direction === 'input' ? [before, after] : [after, before]
    const lost = given.length === 0 ? [] : wanted.filter((one) => isMissingFrom(one, given))
    return lost.length === 0 ? [] : [`${name} has ${place.direction === 'input' ? 'lost' : 'gained'} an alternative of ${kind}`]
  })
}

/** How a schema takes less than before. */
function narrowing(was: Json, is: Json): string[] {
  const values = (schema: Json) => ('const' in schema ? [schema.const] : schema.enum === undefined ? undefined : list(schema.enum))
  const [before, after] = [values(was), values(is)]
  const isTighter = (bound: string, sign: 1 | -1) =>
    typeof is[bound] === 'number' && (typeof was[bound] !== 'number' || sign * (is[bound] - was[bound]) > 0)
  return [
    ...(after && (!before || before.some((value) => isMissingFrom(value, after))) ? ['fewer values'] : []),
    ...['minLength', 'minItems', 'minimum', 'exclusiveMinimum', 'minProperties'].filter((bound) => isTighter(bound, 1)),
    ...['maxLength', 'maxItems', 'maximum', 'exclusiveMaximum', 'maxProperties'].filter((bound) => isTighter(bound, -1)),
    ...['pattern', 'format', 'multipleOf', 'uniqueItems'].filter((key) => is[key] !== undefined && is[key] !== was[key]),
    ...(is.additionalProperties === false && was.additionalProperties !== false && was.properties ? ['additionalProperties'] : []),
  ]
}
