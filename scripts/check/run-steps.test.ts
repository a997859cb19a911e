import { expect, test } from 'vitest'
import { type Result, runSteps, type Step } from './run-steps.ts'

const node = (name: string, code: string): Step => ({ name, command: ['node', '-e', code] })

test('all steps run, whatever fails, and the results come in the order of the steps', async () => {
  const told: string[] = []
  const steps = [
    node('slow', `setTimeout(() => console.log('slow is done'), 300)`),
    node('fails', `console.error('why'); process.exit(3)`),
    { name: 'missing', command: ['no-such-program'] } satisfies Step,
    node('version', 'console.log(process.version)'),
  ]
  const results = await runSteps(steps, { atOnce: 2, onResult: ({ name }: Result) => told.push(name) })
  expect(results.map(({ name, passed, output }) => [name, passed, output])).toEqual([
    ['slow', true, 'slow is done'],
    ['fails', false, 'why'],
    ['missing', false, expect.stringContaining('ENOENT')],
    ['version', true, process.version],
  ])
  expect(told.toSorted()).toEqual(['fails', 'missing', 'slow', 'version'])
})

test('a step has no standard input to wait for', async () => {
  const [result] = await runSteps([node('reads', `process.stdin.on('end', () => console.log('end')).resume()`)], {
    atOnce: 1,
    onResult: () => undefined,
  })
  expect(result).toMatchObject({ passed: true, output: 'end' })
})
