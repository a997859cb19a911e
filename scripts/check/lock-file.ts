/** What package-lock.json says of one package. */
type Entry = Readonly<{
  name?: string
  version?: string
  resolved?: string
  link?: boolean
  dependencies?: Dependencies
  devDependencies?: Dependencies
  optionalDependencies?: Dependencies
}>
type Dependencies = Readonly<Record<string, string>>
export type LockFile = Readonly<{ packages: Readonly<Record<string, Entry>> }>
/** The package.json files of the root (key '') and the workspaces (key: their folder). */
export type Manifests = Readonly<Record<string, Entry>>

const kinds = ['dependencies', 'devDependencies', 'optionalDependencies'] as const

/**
 * Why `npm ci` would fail from this lock file, or only work where it was written: a dependency without an entry (npm
 * leaves out optional platform packages that its registry did not have), a manifest that says something else, or a
 * host that others may not reach.
 * @returns one line per problem; none when all is well
 */
export function lockFileProblems(lock: LockFile, manifests: Manifests): string[] {
  return [...missing(lock), ...outOfStep(lock, manifests), ...hosts(lock)]
}

const missing = ({ packages }: LockFile): string[] =>
  Object.entries(packages).flatMap(([path, entry]) =>
    kinds
      .filter((kind) => kind !== 'devDependencies' || !path.includes('node_modules/'))
      .flatMap((kind) => Object.keys(entry[kind] ?? {}))
      .filter((name) => !isFound(packages, path, name))
      .map((name) => `${path || 'the root'} needs ${name}, which has no entry. Pin a version of it whose packages the registry has.`),
  )

/** As Node looks for it: beside the package, and in each folder above. */
function isFound(packages: LockFile['packages'], from: string, name: string): boolean {
  for (let folder = from; ; folder = folder.replace(/(^|\/)[^/]*$/, '')) {
    if (packages[`${folder}${folder && '/'}node_modules/${name}`]) return true
    if (folder === '') return false
  }
}

const outOfStep = ({ packages }: LockFile, manifests: Manifests): string[] =>
  Object.entries(manifests).flatMap(([path, manifest]) =>
    kinds
      .filter((kind) => sorted(manifest[kind]) !== sorted(packages[path]?.[kind]))
      .map((kind) => `${path ? `${path}/` : ''}package.json and the lock file differ in ${kind}. Run npm install.`),
  )

const sorted = (dependencies: Dependencies = {}): string => JSON.stringify(Object.entries(dependencies).sort())

/** npm puts the configured registry in the place of its own public one, and of no other. */
const hosts = ({ packages }: LockFile): string[] => {
  const named = Object.values(packages).flatMap(({ resolved }) => /^\w+:\/\/([^/]+)/.exec(resolved ?? '')?.[1] ?? [])
  return [...new Set(named)]
    .filter((host) => host !== 'registry.npmjs.org')
    .map((host) => `The lock file names the host ${host}, which others may not reach. Write it with omit-lockfile-registry-resolved=true.`)
}
