import { spawn } from 'node:child_process'
import { delimiter, join } from 'node:path'

/** One check: a name for people, and a program (of node_modules/.bin, or any) with its arguments. */
export type Step = Readonly<{ name: string; command: readonly [string, ...string[]] }>
export type Result = Readonly<{ name: string; passed: boolean; seconds: number; output: string }>

const root = join(import.meta.dirname, '../..')
/** This very Node first, then the repository's tools. */
const path = [join(process.execPath, '..'), join(root, 'node_modules/.bin'), process.env.PATH].join(delimiter)

/**
 * Run steps, some at a time, all of them whatever fails.
 * @param options.atOnce how many may run side by side, at least 1
 * @param options.onResult told as each one ends
 * @returns the results in the order of the steps
 */
export async function runSteps(steps: readonly Step[], options: { atOnce: number; onResult: (result: Result) => void }): Promise<Result[]> {
  const results: Result[] = []
  let next = 0
  const worker = async () => {
    while (next < steps.length) {
      const index = next++
      const result = await runStep(steps[index] as Step)
      results[index] = result
      options.onResult(result)
    }
  }
  await Promise.all(Array.from({ length: options.atOnce }, worker))
  return results
}

function runStep({ name, command: [program, ...args] }: Step): Promise<Result> {
  const startedAt = performance.now()
  return new Promise((done) => {
    let output = ''
    const end = (passed: boolean) => done({ name, passed, seconds: (performance.now() - startedAt) / 1000, output: output.trim() })
    const child = spawn(program, args, { cwd: root, env: { ...process.env, PATH: path }, stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
    child.on('error', (error) => {
      output += error.message
      end(false)
    })
    child.on('close', (code) => end(code === 0))
  })
}
