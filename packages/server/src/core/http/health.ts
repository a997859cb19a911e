import type { FastifyInstance } from 'fastify'
import { unlessLate } from '../unless-late.ts'

export type Check = Readonly<{
  name: string
  /** @returns details; throws, with the reason, when it is not well */
  run(): Promise<object>
  /** A failing check that is not needed leaves the service ready. */
  needed: boolean
}>
type Result = { status: 'ok' | 'failing'; reason?: string } & Record<string, unknown>

/** Who asks after the service's health gets an answer when it is at its worst, too. */
const vital = { config: { vital: true } } as const

/** No check may take longer. Milliseconds. */
const patience = 2_000

/** `/health` for people, `/livez` and `/readyz` for orchestrators. */
export function healthRoutes(
  app: FastifyInstance,
  options: { version: string; checks: readonly Check[]; isDraining: () => boolean },
): void {
  const started = performance.now()
  const uptime = () => Math.round((performance.now() - started) / 1000)
  const runAll = async () =>
    Object.fromEntries(await Promise.all(options.checks.map(async (check) => [check.name, await result(check)] as const)))

  app.get('/livez', vital, async () => ({ status: 'ok' }))
  app.get('/health', vital, async (_request, reply) => {
    const checks = await runAll()
    const down = options.checks.some(({ name, needed }) => needed && checks[name]!.status === 'failing')
    const degraded = Object.values(checks).some(({ status }) => status === 'failing')
    return reply
      .code(down ? 503 : 200)
      .send({ status: down ? 'down' : degraded ? 'degraded' : 'ok', version: options.version, uptime: uptime(), checks })
  })
  app.get('/readyz', vital, async (_request, reply) => {
    const checks = await runAll()
    const reasons = options.checks
      .filter(({ name, needed }) => needed && checks[name]!.status === 'failing')
      .map(({ name }) => `${name}: ${checks[name]!.reason}`)
    if (options.isDraining()) reasons.push('the service is closing')
    return reply.code(reasons.length > 0 ? 503 : 200).send({ ready: reasons.length === 0, reasons })
  })
}

function tooLate(): never {
  throw new Error(`no answer within ${patience} ms`)
}

async function result({ run }: Check): Promise<Result> {
  try {
    return { status: 'ok', ...(await unlessLate(patience, run(), tooLate)) }
  } catch (error) {
    return { status: 'failing', reason: (error as { detail?: string }).detail ?? (error as Error).message }
  }
}
