import Schema from 'typebox/schema'

/** Why a JSON Schema cannot be used here, or undefined. Patterns are refused: a hostile one could run for minutes. */
export function schemaFlaw(schema: object): string | undefined {
  const text = JSON.stringify(schema)
  if (text.length > 20_000) return 'it is longer than 20,000 characters'
  if (/"(pattern|patternProperties|\$ref|\$dynamicRef|\$recursiveRef|format)":/.test(text))
    return 'pattern, patternProperties, format and references are not taken'
  try {
    Schema.Check(schema as never, null)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

export const matchesSchema = (schema: object, value: unknown): boolean => Schema.Check(schema as never, value as never)
