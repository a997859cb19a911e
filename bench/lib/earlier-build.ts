import { execFileSync } from 'node:child_process'
import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { withFolder } from './service.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

/**
 * Run with an earlier build of the service, checked out beside this one and on this one's packages; it is gone afterwards.
 * @param commit of this repository's history
 * @param work takes the address of that build's main.ts
 * @throws when the commit is not there, as in a shallow clone
 */
export const withEarlierBuild = <T>(commit: string, work: (program: URL) => Promise<T>): Promise<T> =>
  withFolder(async (folder) => {
    const checkout = join(folder, 'build')
    const git = (...args: string[]) => execFileSync('git', ['-C', root, ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
    git('worktree', 'add', '--detach', checkout, commit)
    try {
      symlinkSync(join(root, 'node_modules'), join(checkout, 'node_modules'))
      return await work(pathToFileURL(join(checkout, 'packages/server/src/main.ts')))
    } finally {
      git('worktree', 'remove', '--force', checkout)
    }
  })
