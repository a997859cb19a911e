import { setTimeout } from 'node:timers/promises'
import type { CreatePrompt, PromptStoreError } from '@prompt-store/sdk'
import { type Shelf, takeName } from './catalogue.ts'
import type { Engine } from './detect.ts'
import { promptKey } from './identity.ts'
import type { Row } from './rows.ts'
import { ahead, detectContent, eachOf, isCode, isHopeless, mayPass, type Run, reasonOf, withEngine } from './run.ts'

/** A row with its place, or why it has none. `done` counts towards the report's total. */
export type Sourced = Readonly<
  { file: string; line: number; done: number } & ({ row: Row; category: string; reason?: undefined } | { row?: undefined; reason: string })
>
type Planned = Readonly<{ from: Sourced; body: CreatePrompt & { name: string; category: string }; key: string; shelf: Shelf; done: number }>

const readAhead = 64
const maxFailures = 4

/** Create a prompt for every row that is not there yet; each row is taken, skipped or reported. */
export async function importPrompts(sources: AsyncIterable<Sourced>, run: Run): Promise<void> {
  const prepared = ahead(sources, readAhead, ({ row, category }: Sourced & { category?: string }) => {
    if (row && category !== undefined) run.catalogue.prepare(category)
  })
  await eachOf(plan(prepared, run), async (planned) => {
    await createOne(planned, run, false)
    await run.report.progress(planned.done)
  })
}

/** Keys and names are given in the order of the rows, so that a broken-off run and its repetition end as one run does. */
async function* plan(sources: AsyncIterable<Sourced>, run: Run): AsyncGenerator<Planned> {
  const seen = new Set<string>()
  const { report } = run
  for await (const from of sources) {
    report.counts.rows++
    if (!from.row) {
      await report.failed({ file: from.file, line: from.line, reason: from.reason })
      continue
    }
    const { row, category } = from
    const key = promptKey(category, row.title, row.content)
    const shelf = await run.catalogue.shelf(category)
    if (seen.has(key)) report.skipped('duplicate')
    else if (shelf.byKey.has(key)) report.skipped('present')
    else yield { from, key, shelf, done: from.done, body: bodyOf(row, category, key, takeName(shelf, row.title), from.file, run.label) }
    seen.add(key)
    await report.progress(from.done)
  }
}

function bodyOf(row: Row, category: string, importKey: string, name: string, file: string, label: string | undefined): Planned['body'] {
  const { variableSyntax } = detectContent(row.content)
  const renamed = name === row.title ? {} : { title: row.title }
  return {
    ...row.fields,
    name,
    category,
    content: row.content,
    metadata: { ...row.rest, ...renamed, ...(variableSyntax && { variableSyntax }), importedFrom: file, importKey },
    ...(label !== 'production' && { labels: label === undefined ? [] : [label] }),
  }
}

/** @returns false when it has to wait for what it includes */
async function createOne(planned: Planned, run: Run, last: boolean): Promise<boolean> {
  const { from } = planned
  try {
    const decision = await create(planned, run)
    if (decision === undefined) run.report.skipped('present')
    else run.report.stored('prompt', decision)
  } catch (error) {
    if (isHopeless(error)) throw error
    if (isCode(error, 'include.not_found') && !last) {
      run.later.push((final) => createOne(planned, run, final))
      return false
    }
    await run.report.failed({ file: from.file, line: from.line, title: from.row?.title, reason: reasonOf(error) })
  }
  return true
}

/** @returns how the engine was decided; undefined when the row is there already, put by another import meanwhile */
async function create({ body, key, shelf }: Planned, { client, catalogue }: Run): Promise<string | undefined> {
  const detected = body.engine ? { engine: body.engine, decision: 'declared' as const } : detectContent(body.content)
  let name = body.name
  for (let failures = 0; ; ) {
    try {
      // No Idempotency-Key: the source key under a unique name does its work, at a third less of the service's time.
      const store = (engine: Engine) => client.request('POST', '/prompts', { body: { ...body, name, engine }, idempotencyKey: false })
      return (await withEngine(detected, store)).decision
    } catch (error) {
      if (isCode(error, 'prompt.name_taken')) {
        const holder = await catalogue.find(body.category, name)
        if (holder?.key === key) return failures > 0 ? detected.decision : undefined
        name = takeName(shelf, body.name)
      } else if (mayPass(error) && ++failures < maxFailures)
        await setTimeout((error as PromptStoreError).retryAfterMs ?? 200 * 2 ** failures)
      else throw error
    }
  }
}
