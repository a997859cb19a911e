import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type LockFile, lockFileProblems, type Manifests } from './check/lock-file.ts'

/** The lock file of this repository: a step of `npm run check`. */
const read = <T>(path: string): T => JSON.parse(readFileSync(join(import.meta.dirname, '..', path), 'utf8')) as T

const { workspaces } = read<{ workspaces: string[] }>('package.json')
const manifests: Manifests = Object.fromEntries(['', ...workspaces].map((folder) => [folder, read(join(folder, 'package.json'))]))
const lock = read<LockFile>('package-lock.json')
const problems = lockFileProblems(lock, manifests)
for (const problem of problems) console.error(problem)
console.log(
  problems.length === 0 ? `${Object.keys(lock.packages).length} packages, all there` : `${problems.length} problems with the lock file`,
)
process.exitCode = problems.length === 0 ? 0 : 1
