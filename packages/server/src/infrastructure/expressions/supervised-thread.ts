import { createWorkerThread } from '../worker-thread/worker-thread.ts'
import { createProgress } from './progress.ts'
import type { ExpressionAnswer, ExpressionTask } from './tasks.ts'
import { watch } from './watch.ts'

/**
 * Memory of the thread beyond which it ends: an expression can build large values in little time. The stack is that of a
 * main thread: with the 4 MB of other threads the parser takes seconds for brackets without end before it gives up.
 */
const resourceLimits = { maxOldGenerationSizeMb: 192, maxYoungGenerationSizeMb: 32, stackSizeMb: 1 }

type Task = ExpressionTask extends infer T ? (T extends ExpressionTask ? Omit<T, 'progress'> : never) : never

/**
 * What became of a task: its answer; or the thread was ended because one of its expressions, `late`, took too long; or
 * it ended by itself while at the one at `diedAt` (-1: before the first or after the last).
 */
export type Ran = Readonly<{ answer: ExpressionAnswer } | { late: number } | { diedAt: number; error: Error }>

/** The thread that evaluates expressions, ended when one takes too long. */
export function createSupervisedThread(file: URL) {
  const { run, kill, thread, close } = createWorkerThread<ExpressionTask, ExpressionAnswer>({
    name: 'the expression engine',
    file,
    resourceLimits,
  })
  return {
    thread,
    close,
    /** @param limitMs CPU time for each expression of the task */
    async run(task: Task, limitMs: number, urgent = false): Promise<Ran> {
      const progress = createProgress()
      let late = -1
      const stop = watch(thread, progress, limitMs, (at) => {
        late = at
        kill(new Error('an expression took too long'))
      })
      try {
        return { answer: await run({ ...task, progress: progress.memory }, urgent) }
      } catch (error) {
        return late >= 0 ? { late } : { diedAt: progress.at(), error: error as Error }
      } finally {
        stop()
      }
    },
  }
}
export type SupervisedThread = ReturnType<typeof createSupervisedThread>
