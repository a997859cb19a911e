import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

/** The OS user who runs the server's processes; undefined = whoever runs this one. */
export type Account = { readonly uid: number; readonly gid: number } | undefined

export type Log = (message: string, details?: object) => void

const ownUser = 'prompt-store'

/** What every process of the server is started with: its user, a working directory it can enter, and nothing of our environment but PATH. */
export const spawnAs = (account: Account) => ({
  ...account,
  cwd: '/',
  env: { PATH: process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' },
})

/**
 * Who runs the server. PostgreSQL refuses to run as root, so root needs somebody else: the owner of a folder
 * that is already there, else the user `postgres`, else `prompt-store`, which is made when missing.
 * @param home the server's folder; may not exist yet
 * @throws Error that names DATABASE_URL when root can find or make no such user
 */
export function serverAccount(home: string, log: Log): Account {
  if (process.getuid?.() !== 0) return undefined
  const owner = statSync(home, { throwIfNoEntry: false })
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid }
  const account = knownAccount() ?? makeAccount(log)
  if (account) return account
  throw new Error(
    `PostgreSQL does not run as root, and the user ${ownUser} could not be made. Start the service as another user, or set DATABASE_URL to a PostgreSQL of your own.`,
  )
}

/**
 * Can the user who would run the server enter this folder (or, while it does not exist, the nearest that does)?
 * For choosing a default data folder: root's home, say, is closed to everybody else. Asks the system, so it costs about 3 ms as root.
 */
export function canReach(path: string): boolean {
  return mayEnter(path, process.getuid?.() === 0 ? (knownAccount() ?? { uid: 65_534, gid: 65_534 }) : undefined)
}

/** The same for a given user. */
export function mayEnter(path: string, account: Account): boolean {
  const folder = nearestExisting(resolve(path))
  if (account) return spawnSync('/bin/sh', ['-c', 'cd "$1"', 'sh', folder], spawnAs(account)).status === 0
  try {
    accessSync(folder, constants.X_OK)
    return true
  } catch {
    return false
  }
}

const nearestExisting = (path: string): string => (existsSync(path) || dirname(path) === path ? path : nearestExisting(dirname(path)))

const knownAccount = (): Account => accountOf('postgres') ?? accountOf(ownUser)

function accountOf(name: string): Account {
  const ask = (flag: string) => spawnSync('id', [flag, name], { encoding: 'utf8' })
  const [user, group] = [ask('-u'), ask('-g')]
  return user.status === 0 && group.status === 0 ? { uid: Number(user.stdout), gid: Number(group.stdout) } : undefined
}

function makeAccount(log: Log): Account {
  spawnSync('useradd', ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin', ownUser])
  const account = accountOf(ownUser) // also when another process was quicker and our useradd failed
  if (account) log(`made the system user ${ownUser} to run the embedded PostgreSQL, which refuses to run as root`)
  return account
}
