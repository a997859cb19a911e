import { type ResourceLimits, Worker } from 'node:worker_threads'

type Open<Task, Answer> = { id: number; task: Task; urgent: boolean; resolve(answer: Answer): void; reject(error: Error): void }
export type TaskMessage<Task> = Readonly<{ id: number; task: Task }>
export type AnswerMessage<Answer> = Readonly<{ id: number; answer: Answer } | { id: number; error: string }>

export type WorkerThread<Task, Answer> = Readonly<{
  /**
   * One task at a time, in their order.
   * @param urgent true: ahead of all that wait and are not urgent
   * @throws what the task threw; that the thread ended; that it is closed
   */
  run(task: Task, urgent?: boolean): Promise<Answer>
  /** End the thread in the midst of its task, which fails by this error. Tasks that wait are done by the next thread. */
  kill(error: Error): void
  /** The thread that works now, if any. */
  thread(): Worker | undefined
  close(): Promise<void>
}>

/**
 * A worker thread: started with the first task, started again when it dies, ended when idle. Its file answers by `serveTasks`.
 * @param options.name as messages say it, such as "the encoder"
 * @param options.idleMs a thread that has nothing to do ends after this long and gives its memory back; undefined: never
 */
export function createWorkerThread<Task, Answer>(options: {
  name: string
  file: URL
  idleMs?: number
  resourceLimits?: ResourceLimits
}): WorkerThread<Task, Answer> {
  const { name, file, idleMs, resourceLimits } = options
  let worker: Worker | undefined
  let current: Open<Task, Answer> | undefined
  let idle: NodeJS.Timeout | undefined
  let closed = false
  let counted = 0
  const waiting: Open<Task, Answer>[] = []

  const drop = (from: Worker, error: Error) => {
    if (worker !== from) return
    worker = undefined
    const task = current
    current = undefined
    task?.reject(error)
    next()
  }
  const spawn = (): Worker => {
    const fresh = new Worker(file, { stdout: true, stderr: true, ...(resourceLimits && { resourceLimits }) })
    fresh.unref()
    fresh.on('message', (message: AnswerMessage<Answer>) => {
      if (current?.id !== message.id) return
      const task = current
      current = undefined
      if ('answer' in message) task.resolve(message.answer)
      else task.reject(new Error(message.error))
      next()
    })
    fresh.on('error', (error: Error) => drop(fresh, error))
    fresh.on('exit', (code) => drop(fresh, new Error(`the thread of ${name} ended with ${code}`)))
    return fresh
  }
  const next = () => {
    clearTimeout(idle)
    if (current || closed) return
    current = waiting.shift()
    if (current) {
      worker ??= spawn()
      worker.postMessage({ id: current.id, task: current.task } satisfies TaskMessage<Task>)
    } else if (idleMs !== undefined) idle = setTimeout(() => void worker?.terminate(), idleMs).unref()
  }

  return {
    run: (task, urgent = false) =>
      new Promise((resolve, reject) => {
        if (closed) return reject(new Error(`${name} is closed`))
        const open: Open<Task, Answer> = { id: ++counted, task, urgent, resolve, reject }
        const at = urgent ? waiting.findIndex((other) => !other.urgent) : -1
        if (at < 0) waiting.push(open)
        else waiting.splice(at, 0, open)
        next()
      }),
    kill(error) {
      const doomed = worker
      if (!doomed) return
      void doomed.terminate()
      drop(doomed, error)
    },
    thread: () => worker,
    async close() {
      closed = true
      clearTimeout(idle)
      for (const task of waiting.splice(0)) task.reject(new Error(`${name} is closed`))
      await worker?.terminate()
    },
  }
}
