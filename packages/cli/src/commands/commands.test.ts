import { execFile, execFileSync, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestApp, type TestApp } from '../../../server/src/testing/index.ts'
import { bin, runCli } from '../testing/run-cli.ts'

let t: TestApp
beforeAll(async () => {
  t = await startTestApp()
  const { body } = await t.owner('POST', '/prompts', {
    category: 'a/b',
    name: 'greet@home',
    content: 'Hi {{name}}, {{#items}}{{.}};{{/items}}',
    variables: [{ name: 'items', type: 'array', required: false }],
  })
  await t.owner('PUT', `/prompts/${body.id}/content`, { content: 'Hello {{name}}' })
})
afterAll(() => t.stop())
const run = (...args: string[]) => runCli(t.url, ...args)
const reference = 'a%2Fb/greet%40home'

test('get shows the prompt that is served: JSON in a pipe, or the content alone', async () => {
  const { code, out } = await run('get', reference)
  expect([code, JSON.parse(out)]).toEqual([
    0,
    expect.objectContaining({ category: 'a/b', name: 'greet@home', version: 1, label: 'production' }),
  ])
  expect((await run('get', `${reference}@2`, '--text')).out).toBe('Hello {{name}}')
  expect(JSON.parse((await run('get', reference, '--version', '2')).out).content).toBe('Hello {{name}}')
})

test('render fills variables by their types', async () => {
  const { code, lines } = await run('render', reference, '--var', 'name=Ada=1', '--var', 'items=["x","y"]')
  expect([code, lines[0].rendered]).toEqual([0, 'Hi Ada=1, x;y;'])
  expect((await run('render', reference, '--var', 'name=Ada', '--text', '--label', 'production')).out).toBe('Hi Ada, ')
  expect(await run('render', reference)).toMatchObject({
    code: 1,
    err: expect.stringMatching(/^error: variables\.invalid: [^\n]*"name"[^\n]*\(request [^\n]*\)\n$/),
  })
  expect(await run('render', reference, '--var', 'items=[')).toMatchObject({ code: 2, err: expect.stringMatching(/--var items/) })
  expect((await run('render', reference, '--var', 'name')).code).toBe(2)
})

test('labels are set, listed, reverted and deleted, and their history is told', async () => {
  expect((await run('labels', 'set', reference, 'staging', '1', '--expected', 'none', '--reason', 'try')).lines[0]).toMatchObject({
    label: 'staging',
    version: 1,
    previousVersion: null,
  })
  expect(await run('labels', 'set', reference, 'staging', '2', '--expected', 'none')).toMatchObject({
    code: 1,
    err: expect.stringMatching(/^error: label\.moved: /),
  })
  await run('labels', 'set', reference, 'staging', '2')
  expect((await run('labels', 'list', reference)).lines[0]).toMatchObject({ newest: 2, labels: { production: 1, staging: 2 } })
  expect((await run('labels', 'revert', reference, 'staging')).lines[0]).toMatchObject({ version: 1, previousVersion: 2 })
  expect((await run('labels', 'history', reference, 'staging')).lines.map(({ from, to, reason }) => [from, to, reason])).toEqual([
    [2, 1, 'Revert'],
    [1, 2, null],
    [null, 1, 'try'],
  ])
  expect((await run('labels', 'delete', reference, 'staging')).code).toBe(0)
  expect(await run('get', `${reference}@staging`)).toMatchObject({
    code: 1,
    out: '',
    err: expect.stringMatching(/^error: label\.not_found: /),
  })
})

test('a wrong call says what is wrong and ends with 2', async () => {
  for (const args of [
    ['get'],
    ['get', 'noslash'],
    ['get', 'a/b/c'],
    ['get', 'a/%zz'],
    ['get', 'a/b@1', '--label', 'x'],
    ['get', 'a/b', '--version', '0'],
    ['labels', 'set', 'a/b', 'x', 'y'],
    ['nothing'],
    ['get', 'a/b', '--url', 'ftp://x'],
  ]) {
    const { code, out, err } = await run(...args)
    expect([args, code, out, err.startsWith('error: ')]).toEqual([args, 2, '', true])
  }
  expect((await run('--help')).code).toBe(0)
  expect((await run('--cli-version')).out.trim()).toBe(
    JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version,
  )
})

test('--url and --api-key are taken before and after the command, over the environment', async () => {
  const env = { PATH: process.env.PATH, PROMPT_STORE_URL: 'http://127.0.0.1:1', PROMPT_STORE_API_KEY: 'wrong' }
  const given = ['--url', t.url, '--api-key', 'bootstrap-key-of-the-tests-0123456789']
  for (const args of [
    ['get', reference, ...given],
    [...given, 'get', reference],
  ]) {
    const out = await new Promise<string>((resolve) =>
      execFile(process.execPath, [bin, ...args], { env }, (_error, stdout) => resolve(stdout)),
    )
    expect(JSON.parse(out).version).toBe(1)
  }
})

/** Run on a pseudo-terminal, where stdout and stderr are one. */
function onTerminal(url: string, ...args: string[]): Promise<{ code: number; out: string }> {
  const env = { ...process.env, PROMPT_STORE_URL: url, PROMPT_STORE_API_KEY: 'bootstrap-key-of-the-tests-0123456789' }
  const child = spawn('/usr/bin/script', ['-qec', [process.execPath, bin, ...args].join(' '), '/dev/null'], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let out = ''
  child.stdout.on('data', (chunk) => {
    out += chunk
  })
  return new Promise((resolve) => child.on('close', (code) => resolve({ code: code ?? -1, out })))
}
const hasTerminal = existsSync('/usr/bin/script')
if (!hasTerminal) console.warn('SKIPPED: there is no script(1) to make a terminal with')

test.skipIf(!hasTerminal)('for people at a terminal the output is plain text', async () => {
  const { code, out } = await onTerminal(t.url, 'get', reference)
  expect([code, out.trim()]).toEqual([0, 'Hi {{name}}, {{#items}}{{.}};{{/items}}'])
})

test.skipIf(!hasTerminal)(
  'at a terminal an import shows a bar, ends with a summary, and ends too when the service is not there',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cli-terminal-'))
    const file = join(folder, 'bar.jsonl')
    writeFileSync(file, '{"title":"t","content":"c"}\n{"title":"broken"}\n')
    const shown = await onTerminal(t.url, 'import', file)
    expect(shown.code).toBe(1)
    expect(shown.out).toMatch(/prompts \[[^\]]*\] \d+%/)
    expect(shown.out).toMatch(/bar\.jsonl:2: content is missing/)
    expect(shown.out).toMatch(/2 rows: 1 prompts created with 1 versions, 1 failed/)
    const away = await onTerminal('http://127.0.0.1:1', 'import', file)
    expect([away.code, away.out]).toEqual([1, expect.stringMatching(/error: network\.unreachable/)])
    rmSync(folder, { recursive: true })
  },
)

test('under an old Node the program says what to do', () => {
  const source = readFileSync(bin, 'utf8').replace("process.versions.node.split('.')[0]", "'20'")
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', source.replace(/^#!.*\n/, '')], { encoding: 'utf8' })
  expect([status, stderr]).toEqual([1, expect.stringMatching(/^error: prompt-store needs Node 24 or newer, .*npm ci/)])
  const old = ['/usr/bin/node', '/usr/local/bin/node'].find(
    (node) => existsSync(node) && /^v(1\d|2[0-3])\./.test(execFileSync(node, ['--version'], { encoding: 'utf8' })),
  )
  if (old) expect(spawnSync(old, [bin], { encoding: 'utf8' })).toMatchObject({ status: 1, stderr: expect.stringMatching(/needs Node 24/) })
})
