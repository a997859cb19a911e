import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** For tests: the contents of the prompt collections beside the repository; undefined, with a warning, where there are none. */
export const realPrompts = (): readonly string[] | undefined => {
  const folder = join(import.meta.dirname, '../'.repeat(8), '../shared/data/prompts')
  if (!existsSync(folder)) {
    console.warn(`NOT TESTED on real prompts: there is no folder ${folder}`)
    return undefined
  }
  const files = readdirSync(folder).filter((name) => name.endsWith('.jsonl'))
  const lines = files.sort().flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n'))
  return lines.filter((line) => line !== '').map((line) => (JSON.parse(line) as { content: string }).content)
}
