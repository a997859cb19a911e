import { type CheckpointLog, isSigned, isSignedBeginning, parseLine, type SignedCheckpoint } from './model/checkpoint.ts'
import type { Finding } from './model/findings.ts'
import type { Keyring } from './model/signing.ts'

/** The checkpoints of one workspace in a log, in order, and what is wrong with the log itself. */
export type Outside = Readonly<{
  /** The next one up to a position, or undefined. */
  next(upTo: number): Promise<SignedCheckpoint | undefined>
  /** Read the rest. @returns the first thing that is wrong with the log, if any */
  finish(): Promise<Finding | undefined>
  /** When the log was begun, as far as it was read. */
  since(): string | null
  /** The newest block of the installation in it. */
  number(): number
}>

const altered = (detail: string, position: number | null = null): Finding => ({
  kind: 'checkpoints_altered',
  position,
  sequence: null,
  detail,
})

/** Follow a log once, from its beginning, in bounded memory. */
export function follow(log: CheckpointLog, workspaceId: string, keys: Keyring): Outside {
  const state = { number: 0, since: null as string | null, wrong: undefined as Finding | undefined }
  const blame = (finding: Finding) => {
    state.wrong ??= finding
  }

  /** Numbers grow by one; a line may stand twice when two processes wrote it. @returns whether it is new */
  const counts = (number: number): boolean => {
    if (state.since !== null && number > state.number + 1)
      blame(altered(`The checkpoints after number ${state.number} are missing; the next one is ${number}.`))
    const isNew = number > state.number
    if (isNew) state.number = number
    return isNew
  }

  async function* own(): AsyncGenerator<SignedCheckpoint> {
    for await (const text of log.lines()) {
      const line = parseLine(text)
      if (!line) continue
      if (line.type === 'checkpoints') {
        if (!isSignedBeginning(line, keys)) blame(altered('The line that begins the checkpoints is not signed by a trusted key.'))
        state.since ??= line.at
        state.number = Math.max(state.number, line.number)
      } else if (counts(line.number) && line.workspaceId === workspaceId) {
        if (isSigned(line, keys)) yield line
        else blame(altered(`Checkpoint ${line.number} is not signed by a trusted key.`, line.position))
      }
    }
    if (state.number > 0 && state.since === null) blame(altered('The line that begins the checkpoints is missing.'))
  }

  const lines = own()
  let ahead: SignedCheckpoint | undefined
  return {
    async next(upTo) {
      ahead ??= (await lines.next()).value ?? undefined
      if (!ahead || ahead.position > upTo) return undefined
      const found = ahead
      ahead = undefined
      return found
    },
    async finish() {
      while (!(await lines.next()).done);
      return state.wrong
    },
    since: () => state.since,
    number: () => state.number,
  }
}
