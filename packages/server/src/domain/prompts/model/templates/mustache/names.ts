/**
 * What counts as a variable: `name` or `name.part.0`. A name begins with a letter of any script or `_`, and goes on with
 * letters, marks, digits, `_` and `-`. Everything else in double braces is somebody's code sample (`{{ x | join(", ") }}`,
 * `{{ answers["text"] }}`, `{{1}}`, JSX, Go templates) and stays in the text as it is.
 */
const variable = /^[\p{L}_][\p{L}\p{M}\p{N}_-]*(?:\.[\p{L}\p{M}\p{N}_-]+)*$/u

/** Expressions of GitHub Actions, as in `${{ secrets.TOKEN }}`. Other names after a dollar sign are amounts: `${{price}}`. */
const workflowExpression = /^(?:secrets|github|matrix|runner|steps|needs)\./

/** The path that a tag names, `['.']` for the item itself, or null when the tag is no variable and stays text. */
export const pathOf = (value: string, isAfterDollar: boolean): readonly string[] | null => {
  if (value === '.') return item
  if (!variable.test(value) || (isAfterDollar && workflowExpression.test(value))) return null
  return value.split('.')
}

const item: readonly string[] = ['.']
