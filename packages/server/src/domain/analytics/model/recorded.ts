import { IntakeAnswer } from '../../../core/intake.ts'

export const Recorded = IntakeAnswer('Events', 'field.unknown, model.unknown, prompt.differs or experiment.unknown', 'EventsRecorded')

export const unknownModel = ({ provider, model }: { provider: string; model: string }) => ({
  code: 'model.unknown',
  detail: `No price is known of ${provider}/${model}: the cost is left open. Send costUsd, or set a price with PUT /analytics/prices.`,
})

type Named = Readonly<{ promptId?: string | undefined; category?: string | undefined; name?: string | undefined }>

/** An event that names its prompt twice, and not the same one: `promptId` counts. @returns undefined where it does not */
export const promptDiffers = (said: Named, prompt: Readonly<{ category: string; name: string }>) =>
  said.promptId === undefined || ((said.category ?? prompt.category) === prompt.category && (said.name ?? prompt.name) === prompt.name)
    ? undefined
    : {
        code: 'prompt.differs',
        detail: `The prompt of ${said.promptId} is ${prompt.category}/${prompt.name}, and was counted as such. Leave category and name out, or correct them.`,
      }

export const unknownExperiment = (testId: string) => ({
  code: 'experiment.unknown',
  detail: `No A/B test ${testId} that was started is known here, or none that your key may tell outcomes of: the use was counted, and for no test. Check experiment.testId.`,
})
