import { AppError, errorKind } from '../../../core/errors.ts'
import { unprocessable } from '../../../core/problem.ts'

export const FiguresUnusable = errorKind({
  code: 'ab_test.figures_unusable',
  status: 422,
  title: 'The figures cannot be analysed',
})

/** @param pointer where in the body the trouble lies; @param detail what is wrong and what to do */
export const unusable = (pointer: string, detail: string): AppError => unprocessable(FiguresUnusable, pointer, FiguresUnusable.code, detail)

export const ABTestNotFound = errorKind({ code: 'ab_test.not_found', status: 404, title: 'No such test' })
export const ABTestInvalid = errorKind({ code: 'ab_test.invalid', status: 422, title: 'The test makes no sense as it is described' })
export const ABTestState = errorKind({ code: 'ab_test.state', status: 409, title: 'The test is not in a state for that' })
export const ABTestFixed = errorKind({ code: 'ab_test.fixed', status: 409, title: 'A test that has started keeps its design' })
export const NamespaceTaken = errorKind({ code: 'ab_test.namespace_taken', status: 409, title: 'That part of the namespace is taken' })
export const LabelTaken = errorKind({ code: 'ab_test.label_taken', status: 409, title: 'Another test runs on that label' })

/** @param pointer where in the body the trouble lies; @param detail what is wrong and what to do */
export const invalid = (pointer: string, detail: string): AppError => unprocessable(ABTestInvalid, pointer, ABTestInvalid.code, detail)

/** @param id of a test that is not there, or not for the caller; or the key of a flag */
export const notThere = (id: string): AppError => new AppError(ABTestNotFound, `There is no test ${id}.`)
