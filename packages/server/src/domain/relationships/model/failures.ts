import { errorKind } from '../../../core/errors.ts'

export const RelationshipNotFound = errorKind({ code: 'relationship.not_found', status: 404, title: 'No such relationship' })
export const RelationshipExists = errorKind({ code: 'relationship.exists', status: 409, title: 'The prompts are related so already' })
export const RelationshipKept = errorKind({ code: 'relationship.kept', status: 409, title: 'The service keeps this relationship itself' })
export const TypeKept = errorKind({ code: 'relationship.type_kept', status: 422, title: 'The service keeps this type itself' })
export const TargetNotFound = errorKind({ code: 'relationship.target_not_found', status: 422, title: 'The target is no prompt' })
export const SelfRelated = errorKind({ code: 'relationship.self', status: 422, title: 'A prompt cannot relate to itself' })
export const CycleClosed = errorKind({ code: 'relationship.cycle', status: 422, title: 'The relationship would close a cycle' })
export const MetadataTooLarge = errorKind({
  code: 'relationship.metadata_too_large',
  status: 413,
  title: 'The metadata are larger than 256 kB',
})
export const PlanIncomplete = errorKind({
  code: 'relationship.plan_incomplete',
  status: 422,
  title: 'The planned relationship is not whole',
})
