import { AppError, errorKind } from '../../../core/errors.ts'
import { control, type Experiment, type Variant } from './experiment.ts'

export const PromotionHindered = errorKind({ code: 'ab_test.promotion_hindered', status: 409, title: 'The winner cannot be promoted' })

/** What a promotion has to know of a prompt of the test. */
export type Standing = Readonly<{
  category: string
  name: string
  status: string
  deleted: boolean
  labels: Readonly<Record<string, number>>
}>
type Prompts = ReadonlyMap<string, Standing>

/** Why nobody is to be served by a variant, as a sentence; undefined where nothing is the matter. @param named whether the prompt's name may be told */
export function lossOf({ key, promptId }: Pick<Variant, 'key' | 'promptId'>, prompts: Prompts, named = true): string | undefined {
  const prompt = prompts.get(promptId)
  const it = named && prompt ? `"${prompt.category}/${prompt.name}", the prompt of ${key},` : `The prompt of ${key}`
  if (!prompt || prompt.deleted) return `${it} was deleted. Restore it before you serve it.`
  if (prompt.status === 'archived') return `${it} is archived: no label serves it. Bring it back before you serve it.`
  return undefined
}

const advice = 'End the test with "promoteTo": null to leave all labels where they are.'

/**
 * Whether a label of the control's prompt may come to stand on what the winner serves.
 * @param own the label is the one that the test ran on, and nobody has named it: then who has moved it meanwhile is not overruled
 * @returns where the label is to stand before, undefined: wherever
 * @throws PromotionHindered (409) when the prompt of the control or of the winner is deleted or archived, or the label was moved
 */
export function promotable(test: Experiment, winner: Variant, label: string, own: boolean, prompts: Prompts): number | undefined {
  const base = control(test)
  const lost = lossOf(winner, prompts) ?? lossOf(base, prompts)
  if (lost) throw hindered(lost, advice)
  if (!own) return undefined
  const stands = prompts.get(base.promptId)!.labels[label]
  if (stands !== undefined && winner.promptId === base.promptId && stands === winner.version) return stands
  if (stands !== base.version)
    throw hindered(
      `Somebody has ${stands === undefined ? `taken "${label}" away` : `moved "${label}" to version ${stands}`} while the test ran: the control is version ${base.version}.`,
      `Send "promoteTo": "${label}" to move it to the winner all the same, or "promoteTo": null to leave it.`,
    )
  return base.version
}

/** @param obstacle the members of the failure say it without the advice, for who tells it when the test has ended */
const hindered = (obstacle: string, advised: string): AppError =>
  new AppError(PromotionHindered, `${obstacle} ${advised}`, { members: { obstacle } })

/** Who may not see a prompt may not copy it to where they may. */
export const unreadable = (key: string): AppError => hindered(`The prompt of ${key} is not for you to read, and so not to copy.`, advice)

/** What stood in the way of a promotion, as a sentence. */
export const obstacleOf = ({ detail, extras }: AppError): string =>
  typeof extras.members?.obstacle === 'string' ? extras.members.obstacle : detail
