import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { contract, type Snapshots, snapshotProblems } from './problems.ts'

const git = (root: string, ...args: string[]) =>
  execFileSync('git', ['-c', 'user.name=test', '-c', 'user.email=test@example.com', ...args], { cwd: root })
const document = (...paths: string[]) =>
  JSON.stringify({ paths: Object.fromEntries(paths.map((path) => [path, { get: { responses: {} } }])) })
const strict = { base: 'HEAD', allowBreaking: false }

/** A repository in which these files lie; committed when asked. */
function repository(files: Snapshots, options: { commit: boolean } = { commit: true }): string {
  const root = mkdtempSync(join(tmpdir(), 'snapshots-'))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, file)), { recursive: true })
    writeFileSync(join(root, file), text)
  }
  if (!options.commit) return root
  git(root, 'init', '-q')
  git(root, 'add', '-A')
  git(root, 'commit', '-q', '-m', 'first')
  return root
}

test('snapshots that are as the code says are no problem', () => {
  const files = { [contract]: document('/a'), 'schema.sql': 'create table' }
  expect(snapshotProblems(repository(files), files, strict)).toEqual([])
})

test('a drifted file and a missing one are named, with the command that mends them', () => {
  const root = repository({ [contract]: document('/a'), 'schema.sql': 'create table' })
  const problems = snapshotProblems(root, { [contract]: document('/a'), 'schema.sql': 'create table more', 'api.ts': 'new' }, strict)
  expect(problems).toEqual([
    expect.stringMatching(/^schema\.sql .*npm run snapshots/),
    expect.stringMatching(/^api\.ts .*npm run snapshots/),
  ])
})

test('a contract that breaks clients of the last commit is a problem, written anew or not, unless it is allowed', () => {
  const root = repository({ [contract]: document('/a', '/b') })
  writeFileSync(join(root, contract), document('/a'))
  const snapshots = { [contract]: document('/a') }
  expect(snapshotProblems(root, snapshots, strict)).toEqual([
    expect.stringContaining('GET /b: the operation was removed. Where that is meant: ALLOW_BREAKING=1'),
  ])
  expect(snapshotProblems(root, snapshots, { ...strict, allowBreaking: true })).toEqual([])
})

test('the contract is compared with that of any commit', () => {
  const root = repository({ [contract]: document('/a', '/b') })
  writeFileSync(join(root, contract), document('/a'))
  git(root, 'commit', '-q', '-a', '-m', 'second')
  const snapshots = { [contract]: document('/a') }
  expect(snapshotProblems(root, snapshots, strict)).toEqual([])
  expect(snapshotProblems(root, snapshots, { ...strict, base: 'HEAD~1' })).toHaveLength(1)
})

test('where there is no earlier contract nothing can be broken', () => {
  const files = { [contract]: document('/a') }
  expect(snapshotProblems(repository(files, { commit: false }), files, strict)).toEqual([])
  expect(snapshotProblems(repository({ readme: '' }), files, strict)).toEqual([expect.stringContaining('npm run snapshots')])
})
