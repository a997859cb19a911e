import { errorKind } from '../../../core/errors.ts'

export const PolicyNotFound = errorKind({ code: 'policy.not_found', status: 404, title: 'There is no such policy' })
export const PolicyInvalid = errorKind({ code: 'policy.invalid', status: 422, title: 'The policy makes no sense' })
export const TooManyPolicies = errorKind({ code: 'policy.too_many', status: 409, title: 'The workspace has as many policies as it can' })
