import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { breakingChanges } from './breaking-changes.ts'

/** Texts by their files' paths, from the root of the repository. */
export type Snapshots = Readonly<Record<string, string>>
/** The API's document: the contract. */
export const contract = 'packages/server/openapi.json'

/**
 * @param root the repository
 * @param options.base the commit whose contract must not be broken
 * @param options.allowBreaking it may be broken, for once
 * @returns one line per committed file that has drifted from what the code says, and per break of the contract
 */
export function snapshotProblems(root: string, snapshots: Snapshots, options: { base: string; allowBreaking: boolean }): string[] {
  return [...drifted(root, snapshots), ...(options.allowBreaking ? [] : broken(root, snapshots[contract] ?? '{}', options.base))]
}

const drifted = (root: string, snapshots: Snapshots): string[] =>
  Object.entries(snapshots)
    .filter(([file, text]) => !existsSync(join(root, file)) || readFileSync(join(root, file), 'utf8') !== text)
    .map(([file]) => `${file} is not what the code says. Run npm run snapshots, look at the difference and commit it.`)

function broken(root: string, document: string, base: string): string[] {
  const before = committed(root, base)
  if (before === undefined) return []
  return breakingChanges(JSON.parse(before), JSON.parse(document)).map(
    (line) => `The API would break its clients. ${line}. Where that is meant: ALLOW_BREAKING=1.`,
  )
}

/** The contract as of a commit; undefined where there is no such commit or file, as in an unpacked archive. */
function committed(root: string, commit: string): string | undefined {
  try {
    return execFileSync('git', ['show', `${commit}:${contract}`], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      maxBuffer: 64e6,
    })
  } catch {
    return undefined
  }
}
