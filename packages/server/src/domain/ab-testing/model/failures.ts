import { type AppError, errorKind } from '../../../core/errors.ts'
import { unprocessable } from '../../../core/problem.ts'

export const FiguresUnusable = errorKind({
  code: 'ab_test.figures_unusable',
  status: 422,
  title: 'The figures cannot be analysed',
})

/** @param pointer where in the body the trouble lies; @param detail what is wrong and what to do */
export const unusable = (pointer: string, detail: string): AppError => unprocessable(FiguresUnusable, pointer, FiguresUnusable.code, detail)
