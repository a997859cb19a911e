import type { Prompt } from '@prompt-store/sdk'
import { type Known, type Shelf, takeName } from './catalogue.ts'
import { RowError } from './rows.ts'
import { detectContent, isCode, isHopeless, mayPass, type Run, reasonOf, withEngine } from './run.ts'
import type { History, Place, Step } from './steps.ts'

const labelReason = 'Import of a history'

/** Where the work on one prompt stands. */
type Progress = {
  history: History
  run: Run
  prompt: { id: string; version: number; labels: Readonly<Record<string, number>> } | undefined
  /** Which number each source key, or number and checksum, has in the store. */
  there: Map<string, number>
  /** The last place that was there before, or is in now: older rows cannot be put in any more. */
  reached: number
  previous: string | undefined
  added: number
  labels: Map<string, number>
}

/** Put in what is missing of a prompt's history, in order; then let the labels stand. */
export async function applyHistory(history: History, run: Run): Promise<void> {
  const shelf = await run.catalogue.shelf(history.category)
  const known = find(shelf, history)
  const progress: Progress = {
    history,
    run,
    prompt: known,
    there: await present(known, run),
    reached: -1,
    previous: undefined,
    added: 0,
    labels: new Map(),
  }
  const nth = new Map<string, number>()
  const steps = history.places.map((place) => () => history.step(place, nth))
  progress.reached = await newestPresent(history, progress)
  await continueAt(progress, steps, 0, false)
}

/** An exported prompt is known by its id; or by its source key, when it has its name too (a fork has the key of its origin). */
function find({ byKey, byId }: Shelf, { key, exported, title }: History): Known | undefined {
  const sameSource = byKey.get(key)
  if (!exported) return sameSource
  return byId.get(exported.id) ?? (sameSource?.name === title ? sameSource : undefined)
}

/** @returns false when a version waits for what it includes */
async function continueAt(progress: Progress, steps: (() => Promise<Step>)[], from: number, last: boolean): Promise<boolean> {
  const { history, run } = progress
  for (let i = from; i < steps.length; i++) {
    const step = await steps[i]!()
    try {
      await putStep(progress, step, i)
    } catch (error) {
      if (isHopeless(error)) throw error
      if (isCode(error, 'include.not_found') && !last) {
        run.later.push((final) => continueAt(progress, [...steps.slice(0, i), async () => step, ...steps.slice(i + 1)], i, final))
        return false
      }
      await run.report.failed({ file: history.file, line: step.line, title: history.title, reason: reasonOf(error) })
      if (mayPass(error)) return tellRest(progress, history.places.slice(i + 1)) // the order would be lost
    }
  }
  await setLabels(progress)
  return true
}

async function tellRest({ history, run }: Progress, places: readonly Place[]): Promise<boolean> {
  for (const { line } of places)
    await run.report.failed({
      file: history.file,
      line,
      title: history.title,
      reason: 'an earlier version of it could not be stored; run the import again',
    })
  return true
}

async function putStep(progress: Progress, step: Step, index: number): Promise<void> {
  const { run, there } = progress
  const number = there.get(identityOf(step))
  const content = JSON.stringify(step.content)
  const same = progress.previous === content
  if (number !== undefined) {
    run.report.skipped('present')
    note(progress, step, number)
  } else if (same && step.rollbackOf === undefined && !step.declared) {
    run.report.skipped('identical')
  } else if (index < progress.reached) {
    throw new RowError('it is older than versions that are there already, and history is not rewritten')
  } else {
    await store(progress, step)
  }
  progress.previous = content
}

async function store(progress: Progress, step: Step): Promise<void> {
  const { run, history } = progress
  const { stored, decision } = await withEngine(
    step.declared ? { engine: step.declared.engine, decision: 'declared' } : detectContent(step.content),
    (engine) => (progress.prompt ? addVersion(progress.prompt.id, step, engine, run) : create(history, step, engine, run)),
  )
  const before = progress.prompt
  progress.prompt = stored
  if (before && stored.version === before.version) return run.report.skipped('identical')
  run.report.stored(before ? 'version' : 'prompt', decision)
  progress.added++
  note(progress, step, stored.version)
}

/** Under the first free name; labels come when all versions are in. */
async function create(
  { category, title, exported, key, file, places }: History,
  { content, message, metadata, declared }: Step,
  engine: Prompt['engine'],
  run: Run,
): Promise<Prompt> {
  const { description, tags, isTemplate } = exported ?? {}
  const shelf = await run.catalogue.shelf(category)
  for (;;) {
    const name = takeName(shelf, title)
    try {
      return await run.client.request('POST', '/prompts', {
        body: {
          name,
          category,
          content,
          ...declared,
          engine,
          ...(description !== undefined && { description }),
          ...(tags && { tags }),
          ...(isTemplate !== undefined && { isTemplate }),
          metadata: {
            ...(exported ? { ...exported.metadata, exportedFrom: exported.id } : { importedFrom: file, importKey: key }),
            ...(name !== title && { title }),
          },
          labels: places.length === 1 && !exported && run.label !== undefined ? [run.label] : [],
          ...summaryOf(message),
          versionMetadata: metadata,
        },
      })
    } catch (error) {
      if (!isCode(error, 'prompt.name_taken')) throw error
      const holder = await run.catalogue.find(category, name)
      if (holder && !exported && holder.key === key)
        throw new RowError('another import of it is running; run this one again when that has ended')
    }
  }
}

function addVersion(id: string, step: Step, engine: Prompt['engine'], { client }: Run): Promise<Prompt> {
  const { content, message, metadata, declared, rollbackOf } = step
  if (rollbackOf !== undefined)
    return client.request('POST', '/prompts/{id}/versions/{version}/rollback', {
      path: { id, version: rollbackOf },
      body: message === undefined ? {} : { reason: message.slice(0, 2000) },
    })
  const body = { content, engine, ...summaryOf(message), versionMetadata: metadata }
  return declared
    ? client.request('PUT', '/prompts/{id}', { path: { id }, body: { ...body, variables: declared.variables, config: declared.config } })
    : client.request('PUT', '/prompts/{id}/content', { path: { id }, body })
}

const summaryOf = (message: string | undefined) => (message === undefined ? {} : { changeSummary: [...message].slice(0, 10_000).join('') })

const identityOf = ({ key, version, checksum }: Pick<Step, 'key' | 'version' | 'checksum'>): string => key ?? `${version} ${checksum}`

/** What the store has, by source key, and by number and checksum. */
async function present(known: Known | undefined, { client }: Run): Promise<Map<string, number>> {
  const there = new Map<string, number>()
  if (!known) return there
  for await (const { version, checksum, metadata } of client.paginate('/prompts/{id}/versions', { path: { id: known.id } })) {
    there.set(`${version} ${checksum}`, version)
    if (typeof metadata.importKey === 'string') there.set(metadata.importKey, version)
  }
  return there
}

/** The index of the last row that is in the store; -1: none is. */
async function newestPresent({ places, step }: History, { there }: Progress): Promise<number> {
  if (there.size === 0) return -1
  const nth = new Map<string, number>()
  let newest = -1
  for (const [index, place] of places.entries()) if (there.has(identityOf(await step(place, nth)))) newest = index
  return newest
}

/** Remember which labels are to stand where. */
function note({ labels, history, run }: Progress, step: Step, version: number): void {
  if (history.exported) for (const label of step.labels ?? []) labels.set(label, version)
  else if (run.label !== undefined) labels.set(run.label, version)
}

/** A label that somebody has moved since stays where it is, unless this run has put in something newer. */
async function setLabels({ run, prompt, labels, added }: Progress): Promise<void> {
  if (!prompt) return
  for (const [label, version] of labels) {
    const at = prompt.labels[label]
    if (at === version || (added === 0 && at !== undefined && !(await leftByImport(prompt.id, label, run)))) continue
    await run.client.request('PUT', '/prompts/{id}/labels/{label}', {
      path: { id: prompt.id, label },
      body: { version, reason: labelReason },
    })
  }
}

/** True when nobody has moved the label since an import did: that one was broken off before it could do so again. */
async function leftByImport(id: string, label: string, { client }: Run): Promise<boolean> {
  const { items } = await client.request('GET', '/prompts/{id}/labels/{label}/history', { path: { id, label }, query: { limit: 1 } })
  return items[0]?.reason === labelReason
}
