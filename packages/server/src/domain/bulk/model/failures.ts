import { errorKind } from '../../../core/errors.ts'

export const OperationNotFound = errorKind({ code: 'bulk.operation_not_found', status: 404, title: 'No such bulk operation' })
export const OperationOver = errorKind({ code: 'bulk.operation_over', status: 409, title: 'The bulk operation is over' })
export const OperationUnderWay = errorKind({ code: 'bulk.operation_under_way', status: 409, title: 'The bulk operation is under way' })
export const NothingToRetry = errorKind({ code: 'bulk.nothing_to_retry', status: 409, title: 'No item is left to be tried again' })
export const TooManyOperations = errorKind({ code: 'bulk.too_many_operations', status: 409, title: 'Too many bulk operations are open' })
export const TooManyItems = errorKind({ code: 'bulk.too_many_items', status: 422, title: 'There are too many items' })
export const NoItems = errorKind({ code: 'bulk.no_items', status: 422, title: 'There is no item' })
export const TagsUnclear = errorKind({
  code: 'bulk.tags_unclear',
  status: 422,
  title: 'It is not clear which tags of which prompts are meant',
})

/** Of single items: these stand in the problem of the item. */
export const ItemTooLarge = errorKind({ code: 'bulk.item_too_large', status: 413, title: 'The item is too large' })
export const TooManyTags = errorKind({ code: 'bulk.too_many_tags', status: 422, title: 'The prompt would have too many tags' })
export const CallerGone = errorKind({ code: 'bulk.caller_gone', status: 403, title: 'Who asked for this may do it no more' })
