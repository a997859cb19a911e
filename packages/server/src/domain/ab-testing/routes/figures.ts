import { Type } from 'typebox'
import { type AnyEndpoint, endpoint } from '../../../core/endpoint.ts'
import { Analysis, analyze } from '../model/analyze.ts'
import { FiguresUnusable } from '../model/failures.ts'
import { Plan, Planned, planSampleSize } from '../model/sample-size.ts'

/** The engine on figures of one's own; nothing is stored. */
export const figures: AnyEndpoint[] = [
  endpoint({
    name: 'abTests.analyze',
    method: 'POST',
    path: '/ab-tests/analyze',
    access: 'abtests:read',
    readOnly: true,
    summary: 'Analyse figures of your own: compare arms, correct for many tests, plan, or share out traffic',
    body: Analysis,
    reply: Type.Record(Type.String(), Type.Unknown(), {
      description: 'The fields of the kind; what is infinite is told as the text Infinity or -Infinity',
    }),
    errors: [FiguresUnusable],
    handle: async ({ body }) => analyze(body),
  }),
  endpoint({
    name: 'abTests.sampleSize',
    method: 'POST',
    path: '/ab-tests/sample-size',
    access: 'abtests:read',
    readOnly: true,
    summary: 'How many units a test needs to find an effect',
    body: Plan,
    reply: Planned,
    errors: [FiguresUnusable],
    handle: async ({ body }) => planSampleSize(body),
  }),
]
