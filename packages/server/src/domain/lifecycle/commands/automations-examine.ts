import type { Ctx } from '../../../core/context.ts'
import { type ExaminedPrompt, examinePrompts } from '../../prompts/index.ts'
import { mostFound } from '../model/automations.ts'
import { factsOf, readsMetadata } from '../model/automations-facts.ts'
import { type ConditionError, isApplicable, mostErrorsKept } from '../model/automations-runs.ts'
import { type Examination, type Run, runStore } from '../store/automation-runs.ts'
import { statusMoves } from '../store/automations-facts.ts'
import { Superseded, type Work } from './automations-parts.ts'

/** Prompts that are looked at together; fewer where their metadata, of up to 256 kB each, are read. */
const [pageSize, pageSizeWithMetadata] = [500, 50]

export type Judged = Readonly<{ prompt: ExaminedPrompt; matches: boolean; error?: Omit<ConditionError, 'promptId'> }>

/** Prompts as the rule's author may see them now, and whether the condition is true for them. */
export async function judge(
  { run, parts }: Pick<Work, 'run' | 'parts'>,
  which: { after?: string | undefined; ids?: readonly string[] },
  act: Ctx,
): Promise<Judged[]> {
  const { scope, condition } = run.rule
  const withMetadata = readsMetadata(condition)
  const { prompts, moves } = await act.read(async (db) => {
    const found = await examinePrompts(db, scope, { ...which, limit: withMetadata ? pageSizeWithMetadata : pageSize, withMetadata })
    return {
      prompts: found,
      moves: await statusMoves(
        db,
        found.map(({ id }) => id),
      ),
    }
  })
  const now = act.now()
  const judged: Judged[] = []
  for (const prompt of prompts) {
    const facts = factsOf(prompt, moves.get(prompt.id), now)
    const outcome = await parts.expressions.evaluate(condition, facts, { scope: act.workspaceId })
    judged.push({
      prompt,
      matches: outcome.value === true,
      ...(outcome.failed && { error: { failed: outcome.failed, detail: outcome.detail } }),
    })
  }
  return judged
}

/** Examine the next page of prompts and write down which of them are concerned. @returns the run as it stands then */
export async function examinePage({ run, ...work }: Work, act: Ctx): Promise<Run> {
  const judged = await judge({ run, ...work }, { after: run.examinedTo ?? undefined }, act)
  const matched = judged.filter(({ matches }) => matches).map(({ prompt }) => prompt)
  const room = mostFound - (run.matched - run.notApplicable)
  const found = matched.filter((prompt) => isApplicable(run.rule.action, prompt)).slice(0, room)
  const errors = judged.flatMap(({ prompt, error }) => (error ? [{ promptId: prompt.id, ...error }] : []))
  const expected = readsMetadata(run.rule.condition) ? pageSizeWithMetadata : pageSize
  const page: Examination = {
    examined: judged.length,
    to: judged.at(-1)?.prompt.id ?? null,
    all: judged.length < expected || found.length === room,
    matched: matched.length,
    notApplicable: matched.length - found.length,
    errors,
    errorCount: errors.length,
    found: found.map(({ id, category, name }) => ({ id, category, name })),
  }
  const samples = [...run.errorSamples, ...errors].slice(0, mostErrorsKept)
  await work.own.transact(async (tx) => {
    const store = runStore(tx)
    if (!(await store.holds(run.id, work.claim))) throw new Superseded()
    await store.addExamination(run.id, page, samples, act.now())
  })
  return {
    ...run,
    examined: run.examined + page.examined,
    matched: run.matched + page.matched,
    notApplicable: run.notApplicable + page.notApplicable,
    conditionErrors: run.conditionErrors + page.errorCount,
    errorSamples: samples,
    examinedTo: page.to ?? run.examinedTo,
    examinedAll: page.all,
  }
}
