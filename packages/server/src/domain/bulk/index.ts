import { defineModule, type Module } from '../../core/module.ts'
import { forgetRedacted } from './commands/forget.ts'
import { createRunner, type Running } from './commands/run-operation.ts'
import { purge, resume, workOn } from './jobs.ts'
import { bulkFinished } from './model/events.ts'
import { operations } from './routes/operations.ts'
import { submitting } from './routes/submitting.ts'

/** Many changes of prompts as one operation. @param running who knows the rights of a caller by now, and which labels are held */
export const bulk = (running: Running): Module =>
  defineModule({
    name: 'bulk',
    endpoints: [...submitting, ...operations],
    jobs: [workOn(createRunner(running)), resume, purge],
    events: [bulkFinished],
    on: { 'prompt.redacted': forgetRedacted },
  })
