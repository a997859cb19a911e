import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/**
 * Run a script in a process of its own, where nothing is loaded that others needed.
 * @param of a part of the path of what is to be loaded late
 * @param steps statements, one after the other; @returns whether it is loaded after each of them
 */
export async function loadedAfter(of: string, steps: readonly string[]): Promise<boolean[]> {
  const look = `told.push(Object.keys(createRequire(import.meta.url).cache).some((file) => file.includes(${JSON.stringify(of)})))`
  const script = [
    `import { createRequire } from 'node:module'; const told = []`,
    ...steps.flatMap((step) => [step, look]),
    'console.log(JSON.stringify(told)); process.exit()',
  ].join('\n')
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script])
  return JSON.parse(stdout)
}
