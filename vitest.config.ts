import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { LongestFirst } from './scripts/longest-first.ts'

export default defineConfig({
  test: {
    include: ['packages/*/src/**/*.test.ts', 'bench/**/*.test.ts', 'examples/*.test.ts', 'scripts/**/*.test.ts'],
    globalSetup: ['packages/server/src/testing/global-setup.ts'],
    reporters: ['default', './scripts/plain-reporter.ts'],
    sequence: { sequencer: LongestFirst },
    // A machine may be slow: nothing is told wrong for being late, only for not coming at all.
    testTimeout: 240_000,
    hookTimeout: 240_000,
    expect: { poll: { timeout: 60_000 } },
    maxWorkers: 2,
    // The service is loaded once for each worker, not once for each of more than 200 files: that was a third of the time.
    isolate: false,
    // For the programs that tests start: compiled once, not each time.
    env: { NODE_COMPILE_CACHE: fileURLToPath(new URL('node_modules/.cache/compiled', import.meta.url)) },
    coverage: {
      provider: 'v8',
      include: ['packages/server/src/**/*.ts', 'packages/sdk/src/**/*.ts', 'packages/assignment/src/**/*.ts'],
      // Entry points run as processes of their own, which coverage cannot see; their tests are of those processes.
      exclude: ['**/*.test.ts', '**/testing/**', '**/*.gen.ts', 'packages/server/src/{main,worker,admin,service}.ts'],
      reporter: ['text-summary', 'json-summary'],
      thresholds: { lines: 95 },
    },
  },
})
