import { errorKind } from '../../../core/errors.ts'

export const ReviewNotFound = errorKind({ code: 'review.not_found', status: 404, title: 'There is no such review' })
export const ReviewInvalid = errorKind({ code: 'review.invalid', status: 422, title: 'The review makes no sense' })
export const ReviewOver = errorKind({ code: 'review.over', status: 409, title: 'The review is over' })
export const ReviewNeedsAnother = errorKind({ code: 'review.needs_another', status: 409, title: 'Another person must approve' })
export const ReviewNotApproved = errorKind({ code: 'review.not_approved', status: 409, title: 'The review is not approved' })
export const ReviewSubjectGone = errorKind({ code: 'review.prompt_deleted', status: 409, title: 'The prompt under review was deleted' })
export const ReviewFull = errorKind({ code: 'review.full', status: 409, title: 'There is no room for more' })
