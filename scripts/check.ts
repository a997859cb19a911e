import { availableParallelism } from 'node:os'
import { type Result, runSteps, type Step } from './check/run-steps.ts'

/** `npm run check`, the static gate. The longest steps come first, so that the short ones fill the gaps. */
const steps: readonly Step[] = [
  { name: 'types', command: ['tsc', '--noEmit', '-p', '.'] },
  { name: 'snapshots', command: ['node', 'scripts/snapshots.ts', '--check'] },
  { name: 'dead code', command: ['knip', '--no-progress', '--treat-config-hints-as-errors'] },
  { name: 'import rules', command: ['depcruise', 'packages', 'scripts', 'bench', 'examples', '--config', '.dependency-cruiser.cjs'] },
  { name: 'format and lint', command: ['biome', 'check', '--error-on-warnings', '.'] },
  { name: 'lock file', command: ['node', 'scripts/lock-file.ts'] },
]

const tell = ({ name, passed, seconds, output }: Result): void => {
  console.log(`${passed ? 'ok    ' : 'FAILED'}  ${name.padEnd(16)} ${seconds.toFixed(1).padStart(5)} s`)
  if (!passed) console.log(`${output.replace(/^/gm, '    ')}\n`)
}

const startedAt = performance.now()
const results = await runSteps(steps, { atOnce: Math.min(3, availableParallelism()), onResult: tell })
const failed = results.filter(({ passed }) => !passed).map(({ name }) => name)
const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
console.log(
  failed.length === 0 ? `check: all ${results.length} steps passed in ${seconds} s` : `check: failed in ${seconds} s: ${failed.join(', ')}`,
)
process.exitCode = failed.length === 0 ? 0 : 1
