/** PostgreSQL array literals: for thousands of values many times faster than parameters that the driver writes one by one. */
export const numbers = (values: readonly (number | string | null)[]): string =>
  `{${(values.includes(null) ? values.map((value) => value ?? 'NULL') : values).join()}}`

const quoted = (text: string): string => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`

/** An array of any texts. */
export const texts = (values: readonly (string | null)[]): string =>
  `{${values.map((value) => (value === null ? 'NULL' : quoted(value))).join()}}`

/** An array of bytes: `bytea[]`. */
export const bytes = (values: readonly Buffer[]): string => `{${values.map((value) => `"\\\\x${value.toString('hex')}"`).join()}}`
