import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '..')
const compose = readFileSync(join(root, 'deploy/compose.yaml'), 'utf8')
const dockerfile = readFileSync(join(root, 'deploy/Dockerfile'), 'utf8')

/** The entries of every `ports:` list of a compose file, whoever's they are. */
function publishedPorts(yaml: string): string[] {
  const lines = yaml.split('\n')
  const indentOf = (line: string) => line.search(/\S/)
  return lines.flatMap((line, at) => {
    if (!/^\s*ports:/.test(line)) return []
    if (!/^\s*ports:\s*$/.test(line)) return [line.trim()]
    const rest = lines.slice(at + 1)
    const end = rest.findIndex((next) => next.trim() !== '' && indentOf(next) <= indentOf(line))
    return rest
      .slice(0, end < 0 ? undefined : end)
      .filter((entry) => entry.trim() !== '')
      .map((entry) => entry.trim().replace(/^- *["']?|["']$/g, ''))
  })
}

/** `docker compose`, or the older program of that name; undefined where there is neither. */
function composeProgram(): string[] | undefined {
  const found = [['docker', 'compose'], ['docker-compose']].find(
    ([program = '', ...args]) => spawnSync(program, [...args, 'version']).status === 0,
  )
  if (!found) console.warn('NOT TESTED with docker compose config: there is no docker client with compose here')
  return found
}
const program = composeProgram()

test('published on loopback is the service alone, and nothing runs on the network of the machine', () => {
  expect(publishedPorts(compose)).toEqual(['127.0.0.1:5110:5110'])
  expect(compose).not.toMatch(/network_mode|^\s*expose:/m)
})

test('the reading of published ports finds them in each way of writing', () => {
  expect(publishedPorts('a:\n  ports:\n    - "80:80"\n    - target: 1\n      published: 2\n  b: 1\nc:\n  ports: [1]\n')).toEqual([
    '80:80',
    'target: 1',
    'published: 2',
    'ports: [1]',
  ])
})

test.skipIf(!program)('docker compose takes the file, and sees the same', () => {
  const [command = '', ...args] = program ?? []
  const { status, stdout, stderr } = spawnSync(command, [...args, '-f', 'deploy/compose.yaml', 'config'], { cwd: root, encoding: 'utf8' })
  expect({ status, stderr }).toMatchObject({ status: 0 })
  expect(stdout).toMatch(/host_ip: 127\.0\.0\.1/)
  expect(stdout.match(/published:/g)).toHaveLength(1)
})

test('the image runs as a user who is not root, says when it is ready, and holds no secret', () => {
  const last = dockerfile.slice(dockerfile.lastIndexOf('\nFROM'))
  expect(last.match(/^USER (\S+)$/m)?.[1]).toBe('prompt-store')
  expect(last.search(/^USER/m)).toBeLessThan(last.search(/^CMD/m))
  expect(last).toMatch(/HEALTHCHECK[^\n]*\\\n[^\n]*\/readyz/)
  expect(dockerfile).not.toMatch(/KEY|PASSWORD|SECRET/)
  const secrets = compose.match(/^ *\w*(KEY|PASSWORD|SECRET)\w*:.*$/gm) ?? []
  expect(secrets.filter((line) => !/: \$\{\w+:-\}$/.test(line))).toEqual([]) // from the environment, if at all
})

test('what the image copies is there, and is not ignored', () => {
  const ignored = readFileSync(join(root, '.dockerignore'), 'utf8').split('\n')
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, sources = '']) => sources.split(' '))
  expect(copied).toContain('packages/server')
  for (const source of copied) {
    expect(existsSync(join(root, source)), source).toBe(true)
    expect(ignored).toContain(`!${source.split('/')[0]}`)
  }
})
