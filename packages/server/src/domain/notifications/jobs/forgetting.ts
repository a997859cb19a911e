import { Type } from 'typebox'
import { job } from '../../../core/jobs.ts'
import { forgetAnswers } from '../store/deliveries.ts'

/** After a redaction: what receivers answered about the prompt goes too. */
export const forgetRedacted = job({
  name: 'notifications.forget_redacted',
  payload: Type.Object({ subject: Type.String() }),
  retries: 10,
  run: ({ subject }, ctx) => ctx.transact((tx) => forgetAnswers(tx, subject)),
})
