import { serveTasks } from '../worker-thread/serve-tasks.ts'
import { createEvaluator } from './evaluator.ts'
import { createProgress } from './progress.ts'
import type { ExpressionAnswer, ExpressionTask } from './tasks.ts'
import { violationOf } from './violation.ts'

/** Expressions in a thread of their own, which can be ended in the midst of one. */
const evaluateAll = createEvaluator()

serveTasks((task: ExpressionTask): ExpressionAnswer => {
  const progress = createProgress(task.progress)
  try {
    if ('sources' in task) return { outcomes: evaluateAll(task, progress.begin) }
    progress.begin(0)
    return { violation: violationOf(task.check, task.variables) }
  } finally {
    progress.end()
  }
})
