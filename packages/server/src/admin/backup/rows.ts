/** Whole lines of pieces that may end anywhere. `push` gives those that are whole so far, without their line breaks. */
export function lineCutter() {
  let rest: Buffer[] = []
  return {
    push(piece: Buffer): Buffer[] {
      const lines: Buffer[] = []
      let begin = 0
      for (let at = piece.indexOf(10); at !== -1; at = piece.indexOf(10, begin)) {
        lines.push(rest.length > 0 ? Buffer.concat([...rest, piece.subarray(begin, at)]) : piece.subarray(begin, at))
        rest = []
        begin = at + 1
      }
      if (begin < piece.length) rest.push(Buffer.from(piece.subarray(begin)))
      return lines
    },
  }
}

/** The fields of a line up to the last one asked for: nobody unfolds a whole text to look at its id. */
export function fieldsOf(line: Buffer, wanted: readonly number[]): string[] {
  const last = Math.max(...wanted)
  const ends: number[] = [-1]
  for (let at = line.indexOf(9); at !== -1 && ends.length <= last + 1; at = line.indexOf(9, at + 1)) ends.push(at)
  if (ends.length <= last + 1) ends.push(line.length)
  return wanted.map((n) => line.toString('utf8', ends[n]! + 1, ends[n + 1]))
}

const escapes: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }

/** A field as it was before COPY wrote it; null for `\N`. */
export const unescaped = (field: string): string | null =>
  field === '\\N' ? null : field.replace(/\\(.)/g, (_, c: string) => escapes[c] ?? c)
