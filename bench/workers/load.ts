/**
 * The load generator: HTTP/1.1 over raw keep-alive sockets, one request at a time on each. It builds no objects per
 * request and reads of an answer only the status and its length, so that it is lighter than any server it loads. It runs
 * as a process of its own, the same for ours and the rival.
 */
import { connect, type Socket } from 'node:net'

export type Job = Readonly<{
  port: number
  connections: number
  /** Whole requests, sent in turn. `########` in one becomes a number that is new each time. */
  requests: readonly string[]
  /** The first such number. */
  from?: number
  /** Send for so many milliseconds, or so many requests; what is under way is waited for. */
  limit: Readonly<{ ms: number } | { count: number }>
  /** At most so many per second, evenly; absent: as fast as the answers come. */
  perSecond?: number
}>

export type LoadResult = Readonly<{
  requests: number
  seconds: number
  perSecond: number
  /** Milliseconds, of each answer. */
  latencies: Float64Array
  statuses: Readonly<Record<string, number>>
  /** Connections that broke while a request was under way. */
  broken: number
  /** Share of a core that the generator itself took, 0–1. */
  generatorCpu: number
}>

const marker = '########'
type Message = (number: number) => Buffer | string

const messageOf = (text: string): Message => {
  const parts = text.split(marker)
  if (parts.length === 1) {
    const bytes = Buffer.from(text)
    return () => bytes
  }
  return (number) => parts.join(String(number).padStart(marker.length, '0'))
}

type Line = { socket: Socket; sentAt: number; busy: boolean; head: string; missing: number; status: string }

class Load {
  readonly #job: Job
  readonly #messages: Message[]
  readonly #lines: Line[] = []
  readonly #latencies: number[] = []
  readonly #statuses: Record<string, number> = {}
  readonly #finish: (result: LoadResult) => void
  #sent = 0
  #broken = 0
  #startedAt = 0
  #cpu = process.cpuUsage()
  #timer: NodeJS.Timeout | undefined

  constructor(job: Job, finish: (result: LoadResult) => void) {
    this.#job = job
    this.#finish = finish
    this.#messages = job.requests.map(messageOf)
  }

  async start(): Promise<void> {
    const { connections, perSecond } = this.#job
    await Promise.all(Array.from({ length: connections }, () => this.#open()))
    this.#cpu = process.cpuUsage()
    this.#startedAt = performance.now()
    if (perSecond === undefined) for (const line of this.#lines) this.#next(line)
    else this.#timer = setInterval(() => this.#sendDue(perSecond), 2)
  }

  #open(): Promise<void> {
    return new Promise((resolve, reject) => {
      const line: Line = { socket: undefined as never, sentAt: 0, busy: false, head: '', missing: 0, status: '' }
      const onread = {
        buffer: Buffer.allocUnsafe(65_536),
        callback: (size: number, buffer: Uint8Array) => this.#read(line, size, buffer as Buffer),
      }
      line.socket = connect({ port: this.#job.port, host: '127.0.0.1', noDelay: true, onread }, resolve)
      line.socket.on('error', reject).on('close', () => this.#closed(line))
      this.#lines.push(line)
    })
  }

  #closed(line: Line): void {
    this.#lines.splice(this.#lines.indexOf(line), 1)
    if (line.busy) this.#broken++
    if (line.busy && this.#mayStart())
      this.#open().then(
        () => this.#next(this.#lines.at(-1)!),
        () => this.#endWhenIdle(),
      )
    else this.#endWhenIdle()
  }

  #sendDue(perSecond: number): void {
    const due = Math.floor(((performance.now() - this.#startedAt) / 1000) * perSecond)
    for (const line of this.#lines) {
      if (this.#sent >= due) break
      if (!line.busy) this.#next(line)
    }
    this.#endWhenIdle()
  }

  #mayStart(): boolean {
    const { limit } = this.#job
    return 'count' in limit ? this.#sent < limit.count : performance.now() - this.#startedAt < limit.ms
  }

  #next(line: Line): void {
    if (!this.#mayStart()) return this.#endWhenIdle()
    const number = this.#sent++
    line.busy = true
    line.sentAt = performance.now()
    line.socket.write(this.#messages[number % this.#messages.length]!(number + (this.#job.from ?? 0)))
  }

  #read(line: Line, size: number, buffer: Buffer): boolean {
    if (line.missing > 0) line.missing -= size
    else {
      line.head += buffer.toString('latin1', 0, size)
      const end = line.head.indexOf('\r\n\r\n')
      if (end < 0) return true
      line.status = line.head.slice(9, 12)
      line.missing = lengthOf(line.head, end) - (line.head.length - end - 4)
      line.head = ''
    }
    if (line.missing <= 0) this.#answered(line)
    return true
  }

  #answered(line: Line): void {
    this.#latencies.push(performance.now() - line.sentAt)
    this.#statuses[line.status] = (this.#statuses[line.status] ?? 0) + 1
    line.busy = false
    if (this.#timer === undefined) this.#next(line)
  }

  #endWhenIdle(): void {
    if (this.#mayStart() && this.#lines.length > 0) return
    if (this.#lines.some(({ busy }) => busy)) return
    if (this.#startedAt === 0) return
    const seconds = (performance.now() - this.#startedAt) / 1000
    this.#startedAt = 0
    clearInterval(this.#timer)
    const { user, system } = process.cpuUsage(this.#cpu)
    for (const { socket } of [...this.#lines]) socket.removeAllListeners('close').destroy()
    const requests = this.#latencies.length
    this.#finish({
      requests,
      seconds,
      perSecond: requests / seconds,
      latencies: Float64Array.from(this.#latencies),
      statuses: this.#statuses,
      broken: this.#broken,
      generatorCpu: (user + system) / 1e6 / seconds,
    })
  }
}

/** Content-Length, in the case of node:http or of Fastify; 0 without (204, 304). */
function lengthOf(head: string, end: number): number {
  let at = head.indexOf('Content-Length: ')
  if (at < 0 || at > end) at = head.indexOf('content-length: ')
  return at < 0 || at > end ? 0 : Number.parseInt(head.slice(at + 16, at + 28), 10)
}

process.on('message', ({ id, job }: { id?: string; job?: Job }) => {
  if (!id || !job) return
  new Load(job, (result) => process.send?.({ told: id, result }))
    .start()
    .catch((error) => process.send?.({ told: id, error: String(error) }))
})
