import { expect, test } from 'vitest'
import { type LockFile, lockFileProblems } from './lock-file.ts'

const root = { dependencies: { tool: '1.0.0' } }
const manifests = { '': root }
const lock = (more: LockFile['packages']): LockFile => ({ packages: { '': root, 'node_modules/tool': { version: '1.0.0' }, ...more } })

test('a lock file in which everything has its entry is fine, at whatever depth', () => {
  const nested = lock({
    'node_modules/tool': { dependencies: { part: '1' }, optionalDependencies: { '@tool/linux': '1' }, devDependencies: { unneeded: '1' } },
    'node_modules/tool/node_modules/part': { dependencies: { '@tool/linux': '1' } },
    'node_modules/@tool/linux': { resolved: 'https://registry.npmjs.org/@tool/linux/-/linux-1.tgz' },
  })
  expect(lockFileProblems(nested, manifests)).toEqual([])
})

test('an optional platform package without an entry is a problem', () => {
  const [problem, ...more] = lockFileProblems(lock({ 'node_modules/tool': { optionalDependencies: { '@tool/linux': '1' } } }), manifests)
  expect(problem).toContain('node_modules/tool needs @tool/linux, which has no entry')
  expect(more).toEqual([])
})

test('an entry that only another package can see does not count', () => {
  const hidden = lock({ 'node_modules/tool': { dependencies: { part: '1' } }, 'node_modules/other/node_modules/part': {} })
  expect(lockFileProblems(hidden, manifests)).toEqual([expect.stringContaining('node_modules/tool needs part')])
})

test('a manifest that says something else is a problem', () => {
  expect(lockFileProblems(lock({}), { '': { dependencies: { tool: '2.0.0' } } })).toEqual([
    'package.json and the lock file differ in dependencies. Run npm install.',
  ])
  expect(lockFileProblems(lock({}), { ...manifests, 'packages/new': { devDependencies: { tool: '1' } } })).toEqual([
    'packages/new/package.json and the lock file differ in devDependencies. Run npm install.',
  ])
})

test('a host of somebody’s own registry is a problem, named once', () => {
  const named = lock({
    'node_modules/a': { resolved: 'https://registry.example.com/a.tgz' },
    'node_modules/b': { resolved: 'https://registry.example.com/b.tgz' },
  })
  expect(lockFileProblems(named, manifests)).toEqual([expect.stringContaining('names the host registry.example.com')])
})
