import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Usage } from '../workers/probe.ts'

const probe = new URL('../workers/probe.ts', import.meta.url).href

/** A process of its own whose CPU time and memory can be asked for. */
export type Measured = Readonly<{
  usage(): Promise<Usage>
  /** The next message of this kind from the process. */
  told<T>(kind: string): Promise<T>
  send(message: object): void
  /** SIGTERM, and SIGKILL when it takes more than 10 s. */
  stop(): Promise<void>
  /** The end of what it has written. */
  output(): string
  exited: Promise<number | null>
}>

/**
 * Start a script as a process of its own.
 * @param script its address
 * @param options.probe false when the script answers `usage` itself
 * @param options.nodeArgs more arguments for node
 */
export function startMeasured(
  script: URL,
  options: { env?: Record<string, string>; args?: string[]; probe?: boolean; nodeArgs?: string[] } = {},
): Measured {
  const child = fork(fileURLToPath(script), options.args ?? [], {
    env: { ...process.env, ...options.env },
    execArgv: [...(options.probe === false ? [] : ['--import', probe]), ...(options.nodeArgs ?? [])],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    serialization: 'advanced',
  })
  let tail = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (tail = (tail + chunk).slice(-4000)))
  const exited = once(child, 'exit').then(([code]) => code as number | null)
  let questions = 0
  return {
    async usage() {
      const id = ++questions
      child.send({ ask: 'usage', id })
      return (
        await reply<{ usage: Usage }>(
          child,
          (message) => message.id === id,
          () => tail,
        )
      ).usage
    },
    told: (kind) =>
      reply(
        child,
        (message) => message.told === kind,
        () => tail,
      ),
    send: (message) => void child.send(message),
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGTERM')
      const late = setTimeout(() => child.kill('SIGKILL'), 10_000)
      await exited
      clearTimeout(late)
    },
    output: () => tail,
    exited,
  }
}

type Message = { id?: number; told?: string }

function reply<T>(child: ChildProcess, isIt: (message: Message) => boolean, tail: () => string): Promise<T> {
  return new Promise((resolve, reject) => {
    const gone = () => settle(() => reject(new Error(`the process has ended. It wrote: ${tail()}`)))
    const heard = (message: Message) => isIt(message) && settle(() => resolve(message as T))
    const settle = (how: () => void) => {
      child.off('exit', gone)
      child.off('message', heard)
      how()
    }
    child.on('exit', gone)
    child.on('message', heard)
  })
}
