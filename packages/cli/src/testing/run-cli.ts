import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { bootstrapKey } from '../../../server/src/testing/index.ts'

export const bin = fileURLToPath(new URL('../../bin/prompt-store.js', import.meta.url))
/** Real prompts, where they are; they are not part of the repository. */
export const sharedData = fileURLToPath(new URL('../../../../../shared/data', import.meta.url))

// biome-ignore lint/suspicious/noExplicitAny: tests look into lines of every shape
export type Outcome = Readonly<{ code: number | null; out: string; err: string; lines: any[]; summary: any }>

export const spawnCli = (url: string, args: readonly string[], apiKey = bootstrapKey): ChildProcess =>
  spawn(process.execPath, [bin, ...args], {
    env: { ...process.env, PROMPT_STORE_URL: url, PROMPT_STORE_API_KEY: apiKey },
    stdio: ['ignore', 'pipe', 'pipe'],
  })

/** The program as its users run it: a process of its own, with pipes. */
export async function runCli(url: string, ...args: string[]): Promise<Outcome> {
  return outcomeOf(spawnCli(url, args))
}

export async function outcomeOf(child: ChildProcess): Promise<Outcome> {
  const [out, err]: Buffer[][] = [[], []]
  child.stdout!.on('data', (chunk: Buffer) => out!.push(chunk))
  child.stderr!.on('data', (chunk: Buffer) => err!.push(chunk))
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
  const text = Buffer.concat(out!).toString()
  const lines = text.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : []))
  return { code, out: text, err: Buffer.concat(err!).toString(), lines, summary: lines.find(({ event }) => event === 'summary') }
}
