/**
 * Who may import whom: docs/architecture.md in executable form. scripts/import-rules.test.ts plants one violation of
 * each rule and sees it refused. Type-only imports count too: they tie files together as well.
 */
const server = '^packages/server/src/'
const domain = `${server}domain/`
const context = `${domain}([^/]+)/` // the rules below refer to its name as $1
const test = String.raw`\.test\.ts$|/testing/`

/** Rooms of a context: a file of that name, or the folder that it grew into. */
const room = (...names) => String.raw`/(${names.join('|')})(\.ts$|/)`
const rooms = (...names) => `${context.slice(0, -1)}${room(...names)}`
const own = (...names) => `${domain}$1${room(...names)}`
const packages = (...names) => `(^|/)node_modules/(${names.join('|')})/`

/** What a rule of the product may need and still have the same answer for the same input, always. */
const pureLibraries = packages(
  'typebox',
  'mustache',
  '@types/mustache',
  'liquidjs',
  'diff',
  'canonicalize',
  'gpt-tokenizer',
  '@datadog/sketches-js',
  '@pydantic/genai-prices',
  'protobufjs',
  '@stdlib',
)
/** The rule by which units fall on the variants of a test: one piece of code for server and SDK. */
const assignment = '(^|/)packages/assignment/'
const pureBuiltins = '^(node:)?(crypto|zlib|util|module)$'

/** Parts of core with a life, of which a model may only name the type. */
const ports = String.raw`${server}core/(context|cache)\.ts$`

const rule = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to })

module.exports = {
  forbidden: [
    rule(
      'model-is-pure',
      'A model has no I/O, no SQL and no clock: it imports its own model, the pure parts of core, and pure libraries.',
      { path: rooms('model'), pathNot: test },
      {
        pathNot: [
          own('model'),
          String.raw`${server}core/(errors|events|intake|schemas|sent-back|json|problem|ids|access)\.ts$`,
          ports, // see the next rule
          pureLibraries,
          assignment,
          pureBuiltins,
        ],
      },
    ),
    rule(
      'models-name-ports-as-types',
      'What a context asks of its neighbours and of core it declares in its model, with the types of core alone.',
      { path: rooms('model'), pathNot: test },
      { path: ports, dependencyTypesNot: ['type-only'] },
    ),
    rule(
      'contexts-meet-at-the-door',
      "A context imports another one's index.ts and nothing else of it.",
      { path: context, pathNot: test },
      { path: domain, pathNot: [`${domain}$1/`, String.raw`${domain}[^/]+/index\.ts$`] },
    ),
    rule(
      'core-knows-no-context',
      'Core imports nothing of ours but core.',
      { path: `${server}core/`, pathNot: test },
      { path: '^packages/', pathNot: `${server}core/` },
    ),
    rule(
      'infrastructure-imports-core-only',
      'An adapter serves contexts and knows none: of ours it imports core and other adapters.',
      { path: `${server}infrastructure/`, pathNot: test },
      // A package may lie in the workspace's own node_modules, where the root's has another version of it.
      { path: '^packages/', pathNot: [`${server}(core|infrastructure)/`, '/node_modules/'] },
    ),
    rule(
      'domain-knows-no-infrastructure',
      'What a context needs of an adapter comes as an argument, from app.ts.',
      { path: domain, pathNot: test },
      { path: `${server}(infrastructure/|app/|[^/]+$)` },
    ),
    rule(
      'sql-stays-in-its-rooms',
      'SQL is spoken in store, queries, jobs and tables.',
      { path: domain, pathNot: [test, rooms('store', 'queries', 'jobs', 'tables')] },
      { path: packages('kysely', 'pg', '@types/pg', 'pg-boss') },
    ),
    rule(
      'drivers-stay-in-infrastructure',
      'A context speaks SQL through Kysely in a transaction that it was given; it opens nothing itself.',
      { path: domain, pathNot: test },
      { path: packages('pg', '@types/pg', 'pg-boss', 'ioredis', 'fastify', 'pino', 'prom-client', 'undici') },
    ),
    rule(
      'routes-never-touch-the-store',
      'Routes, and the hot path, which is one, call commands and queries.',
      { path: rooms('routes', 'hot-path'), pathNot: test },
      { path: own('store', 'tables') },
    ),
    rule(
      'commands-write-through-the-store',
      'A command loads and saves by the store; it knows no route and no screen.',
      { path: rooms('commands'), pathNot: test },
      { path: own('routes', 'hot-path', 'queries', 'jobs', 'tables') },
    ),
    rule(
      'reading-and-writing-know-no-callers',
      'Store, queries and jobs are called; they import model, tables, core and one another.',
      { path: rooms('store', 'queries', 'jobs', 'tables'), pathNot: test },
      { path: own('routes', 'hot-path', 'commands', 'index') },
    ),
    rule(
      'a-door-is-for-others',
      'Inside a context files import each other, not their own door.',
      { path: context, pathNot: test },
      { path: String.raw`${domain}$1/index\.ts$` },
    ),
    rule(
      'only-entries-know-the-root',
      'app.ts, its folder and service.ts import everything; entries alone import them.',
      { path: server, pathNot: [test, String.raw`${server}(app|service|main|worker|admin)\.ts$`, `${server}(app|admin)/`] },
      { path: String.raw`${server}(app|service|main|worker|admin)\.ts$|${server}(app|admin)/` },
    ),
    rule(
      'sdk-stands-alone',
      'The SDK imports nothing of ours but the assignment.',
      { path: '^packages/sdk/', pathNot: test },
      { path: '^packages/', pathNot: ['^packages/sdk/', assignment] },
    ),
    rule(
      'assignment-stands-alone',
      'The assignment is a pure function that runs anywhere: it imports nothing at all.',
      { path: '^packages/assignment/', pathNot: test },
      { pathNot: '^packages/assignment/' },
    ),
    rule(
      'clients-use-the-sdk',
      'Console and CLI import the SDK and themselves.',
      { path: '^packages/(web|cli)/', pathNot: test },
      { path: ['(^|/)packages/', packages('@prompt-store/server', 'pg', 'kysely')], pathNot: ['(^|/)packages/sdk/', '^packages/$1/'] },
    ),
    rule(
      'no-tests-in-production',
      'Nothing that runs in production imports a test or its tools.',
      { path: '^packages/[^/]+/src/', pathNot: test },
      { path: ['^packages/.*/testing/', String.raw`\.test\.ts$`, packages('vitest', 'fast-check')] },
    ),
    rule('imports-lead-somewhere', 'An import that cannot be resolved escapes every other rule.', {}, { couldNotResolve: true }),
    rule('no-cycles', 'What imports in a circle cannot be read from one end to the other.', {}, { circular: true }),
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'types', 'default'],
      extensions: ['.ts', '.js', '.mjs', '.cjs', '.json'],
    },
  },
}
