import type { Finding } from './finding.ts'
import { type Checkpoint, isSigned, type Keys, parseLine } from './format.ts'

/** The values that checkpoints outside of the database give for positions of one workspace's chain. */
export type Outside = Readonly<{
  at(position: number): Checkpoint | undefined
  /** The last one that was sealed until a time. */
  lastBefore(time: string): Checkpoint | undefined
  count: number
  wrong: Finding | undefined
}>

/** Read a file of checkpoints, as the service keeps it under its data folder. */
export async function readCheckpoints(lines: AsyncIterable<string>, workspaceId: string, keys: Keys): Promise<Outside> {
  const found = new Map<number, Checkpoint>()
  let number = 0
  let begun = false
  let wrong: Finding | undefined
  const blame = (detail: string, position: number | null = null) => {
    wrong ??= { kind: 'checkpoints_altered', position, sequence: null, detail }
  }
  for await (const text of lines) {
    const line = parseLine(text)
    if (line?.type !== 'checkpoint' && line?.type !== 'checkpoints') continue
    if (begun && line.number > number + 1) blame(`The checkpoints after number ${number} are missing; the next one is ${line.number}.`)
    number = Math.max(number, line.number)
    if (line.type === 'checkpoints') {
      begun = true
      if (!isSigned(line, keys)) blame('The line that begins the checkpoints is not signed by a trusted key.')
    } else if (line.workspaceId === workspaceId) {
      if (!isSigned(line, keys)) blame(`Checkpoint ${line.number} is not signed by a trusted key.`, line.position)
      else found.set(line.position, line)
    }
  }
  if (!begun) blame('The line that begins the checkpoints is missing.')
  return {
    at: (position) => found.get(position),
    lastBefore: (time) => [...found.values()].findLast(({ sealedAt }) => sealedAt <= time),
    count: found.size,
    wrong,
  }
}
