/**
 * One experiment from creation to promotion, against a running store, with simulated users:
 *
 *     npm run example
 *
 * PROMPT_STORE_URL and PROMPT_STORE_API_KEY say where the store is and with which key (http://127.0.0.1:5110, none).
 * EXAMPLE_SEED says which users come (1), EXAMPLE_RATES how often each version gives what was wanted (0.80,0.86).
 * It makes a prompt and a test of its own each time, and deletes nothing.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { assign, createClient, PromptStoreError, type Schemas } from '@prompt-store/sdk'

type Results = Schemas['ABTestResults']

const url = process.env.PROMPT_STORE_URL || 'http://127.0.0.1:5110'
const apiKey = process.env.PROMPT_STORE_API_KEY || undefined
const seed = Number(process.env.EXAMPLE_SEED || 1)
const rates = (process.env.EXAMPLE_RATES || '0.80,0.86').split(',').map(Number)
const [usersADay, mostDays, atOnce] = [400, 14, 8]
const category = 'examples'
const client = createClient({ url, ...(apiKey && { apiKey }) })

/** Numbers in [0, 1), the same ones for the same seed (mulberry32). */
function randomBy(state: number): () => number {
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A prompt with two versions: `production` stands on the first. */
async function makePrompt(name: string) {
  const { id } = await client.request('POST', '/prompts', { body: { category, name, content: 'Answer {{customer}} politely.' } })
  await client.request('PUT', '/prompts/{id}/content', {
    path: { id },
    body: { content: 'Answer {{customer}} politely, with the next step first.', changeSummary: 'next step first' },
  })
  return id
}

/** A test of version 1 (the control) against version 2, that runs. */
async function startExperiment(promptId: string, name: string) {
  const { id } = await client.request('POST', '/optimization/ab-tests', {
    body: {
      name,
      hypothesis: 'Who reads the next step first needs no second question.',
      variants: [
        { key: 'control', promptId, version: 1, weight: 1 },
        { key: 'next-step', promptId, version: 2, weight: 1 },
      ],
      metric: { primary: 'success', direction: 'higher' },
      guardrails: [{ metric: 'latencyMs', direction: 'lower', maxRegression: 0.1 }],
      statistics: { expectedSampleSize: usersADay * 7 },
      minimumSampleSize: 200,
      seed: `example-${seed}`, // a real test leaves this out: then nobody can foretell who sees what
    },
  })
  return client.request('POST', '/ab-tests/{id}/start', { path: { id } })
}

type User = Readonly<{ unitId: string; luck: number; slowness: number }>

/** One day: every user is served what `select` says, and what became of it is told in one batch. */
async function playDay(test: Schemas['ABTest'], users: readonly User[]): Promise<void> {
  const items: { exposureId: string; success: boolean; latencyMs: number }[] = []
  const waiting = [...users]
  const serve = async () => {
    for (let user = waiting.shift(); user; user = waiting.shift()) {
      const { unitId, luck, slowness } = user
      const { variant, exposureId } = await client.request('GET', '/ab-tests/{id}/select', { path: { id: test.id }, query: { unitId } })
      if (assign(test, unitId).variant !== variant) throw new Error(`${unitId} is assigned otherwise here than by the store.`)
      const rate = rates[test.variants.findIndex(({ key }) => key === variant)]!
      if (exposureId !== null) items.push({ exposureId, success: luck < rate, latencyMs: 400 + Math.round(slowness * 600) })
    }
  }
  await Promise.all(Array.from({ length: atOnce }, serve))
  const told = await client.request('POST', '/optimization/ab-tests/{id}/results', { path: { id: test.id }, body: { items } })
  if (told.accepted !== items.length) throw new Error(`Not all outcomes were taken: ${JSON.stringify(told.errors)}`)
}

/** The results once everything that was told is counted, which takes about a second. */
async function readResults(id: string, units: number): Promise<Results> {
  for (const until = Date.now() + 60_000; ; await wait(200)) {
    const results = await client.request('GET', '/ab-tests/{id}/results', { path: { id } })
    const exposed = results.variants.reduce((sum, { exposedUnits }) => sum + exposedUnits, 0)
    if (results.outcomes.counted >= units && exposed >= units) return results
    if (results.status === 'completed') return results
    if (Date.now() > until) throw new Error(`Only ${results.outcomes.counted} of ${units} outcomes are counted after a minute.`)
  }
}

const percent = (value: number, digits = 1) => `${value < 0 ? '−' : ''}${Math.abs(value * 100).toFixed(digits)} %`
const columns = [4, 13, 19, 32, 8, 12]
const line = (...cells: readonly string[]) =>
  console.log(
    cells
      .map((cell, i) => cell.padEnd(columns[i] ?? 0))
      .join('')
      .trimEnd(),
  )

function tellDay(day: number, { variants, comparisons, sampleRatio, recommendation }: Results): void {
  const primary = comparisons.find(({ role }) => role === 'primary')
  const lift = primary?.lift
  line(
    String(day),
    variants.map(({ units }) => units).join(' / '),
    variants.map(({ mean }) => (mean === null ? '–' : percent(mean))).join(' / '),
    lift ? `${percent(lift.estimate)} [${percent(lift.alwaysValid.lower)}, ${percent(lift.alwaysValid.upper)}]` : 'nothing yet',
    primary?.verdict ?? '–',
    sampleRatio.alarm ? 'ALARM' : `ok (${sampleRatio.pValue.toFixed(2)})`,
    recommendation.action,
  )
}

/** Days go by until somebody who looks is told to act, or the test has ended by itself. */
async function playDays(test: Schemas['ABTest']): Promise<Results> {
  const random = randomBy(seed)
  line('day', 'units', 'success', 'lift [always-valid interval]', 'verdict', 'split', 'recommendation')
  for (let day = 1; ; day++) {
    const users = Array.from({ length: usersADay }, (_, i) => ({ unitId: `user-${day}-${i}`, luck: random(), slowness: random() }))
    await playDay(test, users)
    const results = await readResults(test.id, day * usersADay)
    tellDay(day, results)
    if (results.recommendation.action !== 'continue' || day === mostDays) return results
  }
}

/** End the test as it is recommended; a winner that is not the control gets `production`. */
async function decide({ testId: id, status, recommendation: { action, winner, reason } }: Results): Promise<string | null> {
  console.log(`\n${action}: ${reason}`)
  if (status === 'completed') return winner // somebody else has ended it
  const promoteTo = action === 'ship' ? 'production' : undefined
  const body = { winner, reason, ...(promoteTo && { promoteTo }) }
  const ended = await client.request('POST', '/optimization/ab-tests/{id}/end', { path: { id }, body })
  return ended.winner
}

async function tellEvents(subjects: readonly string[]): Promise<void> {
  console.log('\nWhat the event log says:')
  for (const subject of subjects) {
    const { items } = await client.request('GET', '/notifications/events', { query: { subject, limit: 50 } })
    for (const { type, timestamp } of items.toSorted((a, b) => a.timestamp.localeCompare(b.timestamp)))
      console.log(`  ${timestamp}  ${type}`)
  }
}

async function play(): Promise<void> {
  const name = `reply ${new Date().toISOString()}`
  const promptId = await makePrompt(name)
  const serve = async () => (await client.request('GET', '/prompts/search/{category}/{name}', { path: { category, name } })).version
  console.log(`Prompt ${category}/${name}: production serves version ${await serve()}.`)
  const test = await startExperiment(promptId, name)
  console.log(`Test ${test.id} is ${test.status}; users succeed with ${rates.map((rate) => percent(rate, 0)).join(' and ')}.\n`)
  const winner = await decide(await playDays(test))
  console.log(`\nThe winner is ${winner ?? 'nobody'}. Production serves version ${await serve()} now.`)
  await tellEvents([promptId, test.id])
}

/** What went wrong, and what to do about it. */
function explained(error: unknown): string {
  if (!(error instanceof PromptStoreError)) return String(error)
  if (error.status === 0) return `No store answers at ${url}. Start one by "npm start", or say where it is in PROMPT_STORE_URL.`
  if (error.status === 401) return `The store at ${url} does not take this key. Put a right one into PROMPT_STORE_API_KEY.`
  if (error.status === 403) return `The key may not do all that this needs: ${error.detail}`
  return error.message
}

try {
  await play()
} catch (error) {
  console.error(explained(error))
  process.exitCode = 1
} finally {
  await client.close()
}
