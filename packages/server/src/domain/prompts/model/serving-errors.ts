import { Unavailable } from '../../../core/problem.ts'
import {
  IncludeUnavailable,
  LabelNotFound,
  PromptArchived,
  PromptNotFound,
  TemplateLimit,
  VariablesInvalid,
  VersionNotFound,
  VersionRedacted,
} from './failures.ts'

/** What may stand in the way of serving a prompt, by whichever call. */
export const servingErrors = [
  PromptNotFound,
  LabelNotFound,
  VersionNotFound,
  PromptArchived,
  VersionRedacted,
  IncludeUnavailable,
  VariablesInvalid,
  TemplateLimit,
  Unavailable,
]
