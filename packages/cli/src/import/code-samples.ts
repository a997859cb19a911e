/**
 * A text without its code samples: what stands between equal runs of backticks, and fenced blocks. Wider than CommonMark,
 * since people also open a fence in the middle of a line.
 */
export const withoutCode = (text: string): string => (/[`~]{3}|`/.test(text) ? withoutFences(withoutSpans(text)) : text)

const opening = /^ {0,3}(`{3,}(?=[^`]*$)|~{3,})/

/** Fences of tildes; and of backticks that are not closed, which reach to the end. */
function withoutFences(text: string): string {
  const kept: string[] = []
  let fence: string | undefined
  for (const line of text.split('\n')) {
    if (fence !== undefined) {
      const run = line.trim()
      if (run.length >= fence.length && run === fence.charAt(0).repeat(run.length)) fence = undefined
      continue
    }
    fence = opening.exec(line)?.[1]
    if (fence === undefined) kept.push(line)
  }
  return kept.join('\n')
}

/** One or two backticks pair up within a line, three and more anywhere. */
function withoutSpans(text: string): string {
  const runs = [...text.matchAll(/`+/g)].map(({ 0: run, index }) => ({ start: index, end: index + run.length, length: run.length }))
  const partners = partnersOf(runs)
  let kept = ''
  let from = 0
  for (let i = 0; i < runs.length; i++) {
    const run = runs[i]!
    const partner = runs[partners[i] ?? -1]
    if (!partner || (run.length < 3 && text.slice(run.end, partner.start).includes('\n'))) continue
    kept += `${text.slice(from, run.start)} `
    from = partner.end
    i = partners[i]!
  }
  return kept + text.slice(from)
}

/** For each run the index of the next one of its length. */
function partnersOf(runs: readonly { length: number }[]): (number | undefined)[] {
  const next = new Map<number, number>()
  const partners: (number | undefined)[] = new Array(runs.length)
  for (let i = runs.length - 1; i >= 0; i--) {
    const { length } = runs[i]!
    partners[i] = next.get(length)
    next.set(length, i)
  }
  return partners
}
