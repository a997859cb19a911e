import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const bin = join(import.meta.dirname, '../packages/server/bin')
const machines = '/usr/bin/node'

/** The machine's own Node where it is too old for us, which is what most people have; undefined elsewhere. */
function oldNode(): string | undefined {
  const version = existsSync(machines) ? execFileSync(machines, ['--version'], { encoding: 'utf8' }) : ''
  const major = Number(/^v(\d+)/.exec(version)?.[1] ?? 24)
  if (major < 24) return machines
  console.warn(`NOT TESTED on an old Node: ${version ? `${machines} is ${version.trim()}` : `there is no ${machines}`}`)
  return undefined
}
const old = oldNode()

test.skipIf(!old).each([['prompt-store-server.js'], ['prompt-store-server.js', 'worker'], ['prompt-store-admin.js', 'migrate']])(
  'on an old Node %s says what is wrong in one line, and ends with 2',
  (program, ...args) => {
    const { status, stdout, stderr } = spawnSync(old as string, [join(bin, program), ...args], { encoding: 'utf8', timeout: 20_000 })
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toMatch(/^Node 24 or newer is needed, and this is v\d+[^\n]* "npm ci" [^\n]*\n$/)
  },
)

test('on this Node the guard lets the program through', () => {
  const { status, stdout } = spawnSync(process.execPath, [join(bin, 'prompt-store-admin.js'), '--help'], { encoding: 'utf8' })
  expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringContaining('Usage:') })
})

test('npm start and npm run worker go through the guard', () => {
  const { scripts } = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')) as { scripts: Record<string, string> }
  expect(scripts.start).toMatch(/^node (--\S+ )*packages\/server\/bin\/prompt-store-server\.js$/)
  expect(scripts.worker).toMatch(/^node (--\S+ )*packages\/server\/bin\/prompt-store-server\.js worker$/)
})
