import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { cruise, type ICruiseOptions, type ICruiseResult, type IForbiddenRuleType } from 'dependency-cruiser'
import extractTsConfig from 'dependency-cruiser/config-utl/extract-ts-config'
import { afterAll, beforeAll, expect, test } from 'vitest'

const root = join(import.meta.dirname, '..')
const config = createRequire(import.meta.url)('../.dependency-cruiser.cjs') as { forbidden: IForbiddenRuleType[]; options: ICruiseOptions }

const core = 'packages/server/src/core'
const infrastructure = 'packages/server/src/infrastructure'
const domain = 'packages/server/src/domain'

/** For each rule: files that break it, each with one import. None of them breaks what no rule forbids. */
const violations: Readonly<Record<string, readonly [file: string, imports: string][]>> = {
  'model-is-pure': [
    [`${domain}/planted/model.ts`, 'node:fs'],
    [`${domain}/planted/model/clock.ts`, 'node:timers'],
    [`${domain}/planted/model/sql.ts`, 'kysely'],
    [`${domain}/planted/model/store.ts`, '../store.ts'],
    [`${domain}/planted/model/neighbour.ts`, '../../prompts/model/shapes.ts'],
    [`${domain}/planted/model/feed.ts`, '../../../core/feed/feed.ts'],
  ],
  'models-name-ports-as-types': [[`${domain}/planted/model/cache.ts`, '../../../core/cache.ts']],
  'contexts-meet-at-the-door': [
    [`${domain}/planted/commands/behind.ts`, '../../prompts/store/prompt-store.ts'],
    [`${domain}/planted/aside.ts`, '../access/queries.ts'],
  ],
  'core-knows-no-context': [
    [`${core}/planted-context.ts`, '../domain/access/index.ts'],
    [`${core}/planted-adapter.ts`, '../infrastructure/postgres/client.ts'],
    [`${core}/http/planted-root.ts`, '../../config.ts'],
  ],
  'infrastructure-imports-core-only': [
    [`${infrastructure}/planted/context.ts`, '../../domain/access/index.ts'],
    [`${infrastructure}/planted/root.ts`, '../../config.ts'],
  ],
  'domain-knows-no-infrastructure': [
    [`${domain}/planted/queries/adapter.ts`, '../../../infrastructure/postgres/client.ts'],
    [`${domain}/planted/queries/root.ts`, '../../../config.ts'],
  ],
  'sql-stays-in-its-rooms': [
    [`${domain}/planted/routes/sql.ts`, 'kysely'],
    [`${domain}/planted/authenticator.ts`, 'kysely'],
  ],
  'drivers-stay-in-infrastructure': [
    [`${domain}/planted/store/driver.ts`, 'pg'],
    [`${domain}/planted/jobs/queue.ts`, 'pg-boss'],
  ],
  'routes-never-touch-the-store': [
    [`${domain}/planted/routes.ts`, './store.ts'],
    [`${domain}/planted/routes/tables.ts`, '../tables.ts'],
    [`${domain}/planted/hot-path.ts`, './store.ts'],
  ],
  'commands-write-through-the-store': [
    [`${domain}/planted/commands/reads.ts`, '../queries.ts'],
    [`${domain}/planted/commands/upwards.ts`, '../routes.ts'],
  ],
  'reading-and-writing-know-no-callers': [
    [`${domain}/planted/store/upwards.ts`, '../commands.ts'],
    [`${domain}/planted/queries/upwards.ts`, '../routes.ts'],
  ],
  'a-door-is-for-others': [[`${domain}/planted/selection.ts`, './index.ts']],
  'only-entries-know-the-root': [
    [`${core}/planted-app.ts`, '../app.ts'],
    ['packages/server/src/config-of-app.ts', './service.ts'],
  ],
  'sdk-stands-alone': [['packages/sdk/src/planted.ts', '../../server/src/core/ids.ts']],
  'assignment-stands-alone': [
    ['packages/assignment/src/planted.ts', '../../server/src/core/ids.ts'],
    ['packages/assignment/src/planted-builtin.ts', 'node:crypto'],
  ],
  'clients-use-the-sdk': [
    ['packages/cli/src/planted.ts', '../../server/src/core/ids.ts'],
    ['packages/web/src/planted.ts', '../../server/src/core/ids.ts'],
    ['packages/cli/src/planted-driver.ts', 'pg'],
  ],
  'no-tests-in-production': [
    [`${core}/planted-testing.ts`, '../testing/client.ts'],
    [`${core}/planted-runner.ts`, 'vitest'],
  ],
  'imports-lead-somewhere': [[`${core}/planted-nowhere.ts`, './nowhere.ts']],
  'no-cycles': [[`${core}/planted-ring-back.ts`, './planted-ring.ts']],
}

/** Rooms of the planted context that are there to be imported, and what a model may import: nothing is wrong with these. */
const innocent: readonly [file: string, imports: string, kind?: 'type'][] = [
  ...['store', 'tables', 'queries', 'commands', 'index'].map((name): [string, string] => [
    `${domain}/planted/${name}.ts`,
    '../../core/errors.ts',
  ]),
  [`${domain}/planted/model/fine.ts`, '../../../core/events.ts'],
  [`${domain}/planted/model/port.ts`, '../../../core/context.ts', 'type'],
  [`${domain}/planted/model/typebox.ts`, 'typebox'],
  [`${domain}/planted/model/hash.ts`, 'node:crypto'],
  [`${domain}/planted/model/diff.ts`, 'diff'],
  [`${domain}/planted/model/assigned.ts`, '../../../../../assignment/src/index.ts'],
  ['packages/sdk/src/planted-assignment.ts', '../../assignment/src/index.ts'],
  [`${domain}/planted/store/sql.ts`, 'kysely'],
  [`${domain}/planted/commands/neighbour.ts`, '../../prompts/index.ts'],
  [`${core}/planted-ring.ts`, './planted-ring-back.ts'], // a circle is told once, of its other half
  [`${domain}/planted/planted.test.ts`, '../../testing/index.ts'],
]

type Broken = Readonly<{ rule: string; from: string; to: string }>
let folder: string
let checked: Readonly<{ broken: readonly Broken[]; files: number }>

/** A copy of the sources with all the plants in it, beside the real libraries. */
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'import-rules-'))
  for (const name of readdirSync(join(root, 'packages')))
    cpSync(join(root, 'packages', name, 'src'), join(folder, 'packages', name, 'src'), { recursive: true })
  cpSync(join(root, 'tsconfig.json'), join(folder, 'tsconfig.json'))
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  for (const [file, imports, kind = ''] of [...innocent, ...Object.values(violations).flat()]) {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    writeFileSync(join(folder, file), `import ${kind} * as planted from '${imports}'\nexport ${kind} { planted }\n`)
  }
  checked = await check(folder)
}, 120_000)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function check(baseDir: string): Promise<typeof checked> {
  const options: ICruiseOptions = { ...config.options, baseDir, validate: true, ruleSet: { forbidden: config.forbidden } }
  const { output } = await cruise(['packages'], options, undefined, { tsConfig: extractTsConfig(join(baseDir, 'tsconfig.json')) })
  const { modules, summary } = output as ICruiseResult
  return {
    broken: summary.violations.map(({ rule, from, to }) => ({ rule: rule.name, from, to })),
    files: modules.filter(({ source }) => /^packages\/.*\.ts$/.test(source)).length,
  }
}

test('the sources are read: a checker that reads no files passes everything', () => {
  expect(checked.files).toBeGreaterThan(50 + innocent.length + Object.values(violations).flat().length)
})

test('each rule has a violation planted here', () => {
  expect(Object.keys(violations).toSorted()).toEqual(config.forbidden.map(({ name }) => name).toSorted())
})

test.each(Object.entries(violations).flatMap(([rule, files]) => files.map(([file, imports]) => [rule, file, imports] as const)))(
  '%s: %s may not import %s',
  (rule, file) => {
    expect(checked.broken).toContainEqual({ rule, from: file, to: expect.any(String) })
  },
)

test.each(innocent)('%s may import %s', (file) => {
  expect(checked.broken.filter(({ from }) => from === file)).toEqual([])
})
