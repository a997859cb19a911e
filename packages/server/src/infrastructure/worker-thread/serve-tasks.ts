import { parentPort } from 'node:worker_threads'
import type { AnswerMessage, TaskMessage } from './worker-thread.ts'

/** The other side of `createWorkerThread`, in the file of the thread: every task is answered, if by the error that it threw. */
export function serveTasks<Task, Answer>(handle: (task: Task) => Answer | Promise<Answer>) {
  const port = parentPort!
  port.on('message', async ({ id, task }: TaskMessage<Task>) => {
    const post = (message: AnswerMessage<Answer>) => port.postMessage(message)
    try {
      post({ id, answer: await handle(task) })
    } catch (error) {
      post({ id, error: (error as Error).message })
    }
  })
}
