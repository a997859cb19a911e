import type { Ctx } from '../../../core/context.ts'
import type { Db } from '../../../core/db.ts'
import { AppError } from '../../../core/errors.ts'
import { findVersion, LabelNotFound, type Pinnable, PromptNotFound } from '../../prompts/index.ts'
import { mayTouch } from '../model/access.ts'
import type { Experiment, Variant } from '../model/experiment.ts'
import { invalid } from '../model/failures.ts'
import { promptsOf } from '../store/prompts.ts'

const promptNotThere = (id: string) => new AppError(PromptNotFound, `There is no prompt ${id}.`)

/**
 * Look at the prompts of a test as it is described. @returns them by id
 * @throws PromptNotFound (404) for one that is not there, deleted, or not for the caller to put into a test; VersionNotFound (404), VersionRedacted (410)
 */
export async function assertPrompts(tx: Db, ctx: Ctx, test: Pick<Experiment, 'variants'>): Promise<Map<string, Pinnable>> {
  const prompts = await promptsOf(tx, test)
  for (const { promptId, version } of test.variants) {
    const prompt = prompts.get(promptId)
    if (!prompt || prompt.deleted || !mayRead(ctx, prompt)) throw promptNotThere(promptId)
    if (version !== null) await findVersion(tx, promptId, version)
  }
  return prompts
}

/** Whether who puts a prompt into a test, or copies it out of one, may see it. */
export const mayRead = ({ actor }: Ctx, { category }: Pinnable): boolean =>
  mayTouch(actor, 'abtests:write', category) && (!actor.limits?.has('prompts:read') || mayTouch(actor, 'prompts:read', category))

/**
 * The versions that a test serves from now on. @returns in the order of its variants
 * @throws PromptNotFound, LabelNotFound, VersionNotFound (404), VersionRedacted (410); ABTestInvalid (422) for an archived prompt
 */
export async function pinned(tx: Db, ctx: Ctx, test: Experiment): Promise<number[]> {
  const prompts = await assertPrompts(tx, ctx, test)
  const versions: number[] = []
  for (const [i, variant] of test.variants.entries()) {
    const prompt = prompts.get(variant.promptId)!
    if (prompt.status === 'archived')
      throw invalid(`/variants/${i}/promptId`, `"${prompt.category}/${prompt.name}" is archived. Bring it back, or take another prompt.`)
    const version = versionOf(variant, prompt, i === 0 ? test.overlayLabel : null)
    await findVersion(tx, prompt.id, version)
    versions.push(version)
  }
  if (test.overlayLabel !== null) assertStands(test.overlayLabel, prompts.get(test.variants[0]!.promptId)!, versions[0]!)
  return versions
}

/** Who reads the label without a unit sees the control, so it stands there. @throws LabelNotFound (404), ABTestInvalid (422) */
function assertStands(label: string, prompt: Pinnable, version: number): void {
  const stands = labelled(label, prompt)
  if (stands !== version)
    throw invalid(
      '/overlayLabel',
      `"${label}" stands on version ${stands}, and the control is version ${version}. Move the label there, or take version ${stands} for the control.`,
    )
}

/** By version, by label, or else as it is served: production, or the newest where that stands nowhere. @param own the label on which the test runs */
function versionOf({ version, label: named }: Variant, prompt: Pinnable, own: string | null): number {
  if (version !== null) return version
  const label = named ?? own
  if (label === null) return prompt.labels.production ?? prompt.version
  return labelled(label, prompt)
}

function labelled(label: string, prompt: Pinnable): number {
  const stands = prompt.labels[label]
  if (stands === undefined)
    throw new AppError(LabelNotFound, `"${label}" is not set on "${prompt.category}/${prompt.name}". Set it, or name a version.`)
  return stands
}
