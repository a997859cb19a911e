import { setTimeout as sleep } from 'node:timers/promises'
import { type Ask, type Asked, askerOf } from './ask.ts'

/** What a client was told about one prompt. */
type Told = {
  id: string
  name: string
  /** Content by version, as acknowledged. */
  versions: Map<number, string>
  /** Where `production` may stand: the last acknowledged place, and what was asked for since without an answer. */
  production: number[]
}

export type Ledger = { told: Map<string, Told>; answers: Asked[]; acknowledged: number; stop(): Promise<void> }

/**
 * Clients that create prompts, change their text and move their labels, without a pause, each with prompts of its own,
 * and write down what was acknowledged. A failure is no reason to stop.
 */
export function startWriters(url: () => string, clients = 8): Ledger {
  const ledger: Ledger = { told: new Map(), answers: [], acknowledged: 0, stop: async () => undefined }
  let stopped = false
  const running = Array.from({ length: clients }, async (_, client) => {
    const ask = askerOf(url)
    const own: Told[] = []
    for (let n = 0; !stopped; n++) {
      const answer = await step(ask, own, `${client}-${n}`)
      ledger.answers.push(answer)
      if (answer.status >= 200 && answer.status < 300) ledger.acknowledged++
      else await sleep(10)
      for (const told of own) ledger.told.set(told.id, told)
    }
  })
  ledger.stop = async () => {
    stopped = true
    await Promise.all(running)
  }
  return ledger
}

async function step(ask: Ask, own: Told[], text: string): Promise<Asked> {
  const choice = Math.random()
  const told = own[Math.floor(Math.random() * own.length)]
  if (!told || choice < 0.3) return create(ask, own, text)
  return choice < 0.7 ? change(ask, told, text) : move(ask, told)
}

async function create(ask: Ask, own: Told[], text: string): Promise<Asked> {
  const name = `${text}-${Date.now()}`
  const answer = await ask('POST', '/prompts', { category: 'bad-days', name, content: text })
  if (answer.status === 201) own.push({ id: answer.body.id, name, versions: new Map([[1, text]]), production: [1] })
  return answer
}

async function change(ask: Ask, told: Told, text: string): Promise<Asked> {
  const answer = await ask('PUT', `/prompts/${told.id}/content`, { content: text })
  if (answer.status === 200) told.versions.set(answer.body.version, text)
  return answer
}

async function move(ask: Ask, told: Told): Promise<Asked> {
  const versions = [...told.versions.keys()]
  const version = versions[Math.floor(Math.random() * versions.length)]!
  const answer = await ask('PUT', `/prompts/${told.id}/labels/production`, { version })
  if (answer.status === 200) told.production = [version]
  else told.production.push(version)
  return answer
}
