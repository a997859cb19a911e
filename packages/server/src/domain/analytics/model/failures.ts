import { errorKind } from '../../../core/errors.ts'

export const PromptUnknown = errorKind({
  code: 'measurement.prompt_unknown',
  status: 422,
  title: 'The measurement names a prompt that does not exist',
})
export const VersionUnknown = errorKind({
  code: 'measurement.version_unknown',
  status: 422,
  title: 'The measurement names a version that does not exist',
})
export const LabelUnknown = errorKind({
  code: 'measurement.label_unknown',
  status: 422,
  title: 'The measurement names a label that the prompt never had',
})
export const TimeOutOfRange = errorKind({
  code: 'measurement.time_out_of_range',
  status: 422,
  title: 'The measurement is too old, or of the future',
})
export const MeasurementUnstorable = errorKind({
  code: 'measurement.unstorable',
  status: 422,
  title: 'The measurement cannot be stored',
})
export const QuestionInvalid = errorKind({
  code: 'analytics.question_invalid',
  status: 422,
  title: 'This cannot be asked of the measurements',
})
