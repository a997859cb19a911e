import { type Finding, findingsOf } from './model/rule.ts'
import { rules } from './model/rules/index.ts'
import type { Subject } from './model/subject.ts'

/**
 * What all rules say of a prompt: the gravest first. Pure: no model, no network; linear in the length of the prompt.
 * Never throws.
 */
export const lint = (subject: Subject): Finding[] => findingsOf(subject, rules)
