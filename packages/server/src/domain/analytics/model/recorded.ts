import { IntakeAnswer } from '../../../core/intake.ts'

export const Recorded = IntakeAnswer('Events', 'field.unknown or model.unknown', 'EventsRecorded')

export const unknownModel = ({ provider, model }: { provider: string; model: string }) => ({
  code: 'model.unknown',
  detail: `No price is known of ${provider}/${model}: the cost is left open. Send costUsd, or set a price with PUT /analytics/prices.`,
})
