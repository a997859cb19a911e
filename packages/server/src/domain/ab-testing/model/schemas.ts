import { type TObject, type TSchema, Type } from 'typebox'

/**
 * One of several objects, told apart by their field `type`. An `anyOf` would answer a wrong field with the objections of
 * every alternative; this names the one field that is wrong.
 */
export const byType = <T>(variants: Readonly<Record<string, TObject>>, description: string) =>
  Type.Unsafe<T>({
    type: 'object',
    description,
    required: ['type'],
    properties: { type: { type: 'string', enum: Object.keys(variants), description: 'Which of them it is' } },
    additionalProperties: true, // each of them refuses what it does not know
    allOf: dependingOn('type', Object.entries(variants)),
  })

/** JSON Schema conditions: where the field has that value, the object fits that schema. */
export const dependingOn = (field: string, cases: readonly (readonly [value: string, schema: TSchema | object])[]): object[] =>
  cases.map(([value, schema]) => {
    const condition = { required: [field], properties: { [field]: { const: value } } }
    // biome-ignore lint/suspicious/noThenProperty: a word of JSON Schema; nobody awaits a schema
    return { if: condition, then: schema }
  })
