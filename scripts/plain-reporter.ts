import { appendFileSync } from 'node:fs'
import type { Reporter, TestModule } from 'vitest/node'

/**
 * The closing line in plain words: `N passed, N failed, N skipped`. A file that could not run counts as a failure.
 * With TEST_SUMMARY the line is added to that file instead, for whoever sums several runs up.
 */
export default class PlainReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    const counts = { passed: 0, failed: unhandled.length, skipped: 0, pending: 0 }
    for (const module of modules) {
      if (module.errors().length > 0) counts.failed++
      for (const test of module.children.allTests()) counts[test.result().state]++
    }
    const line = `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`
    if (process.env.TEST_SUMMARY) appendFileSync(process.env.TEST_SUMMARY, `${line}\n`)
    else console.log(`\n${line}`)
  }
}
