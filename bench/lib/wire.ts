import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'

/** What has gone to the database, seen on the wire. */
export type Wire = Readonly<{
  /** To be given to a service as DATABASE_URL. */
  databaseUrl: string
  /**
   * Executed statements by name (named ones) or text (cut at 80 characters), since the last `reset`. One that another
   * followed in the same packet begins with "+ ": nobody waits for it alone.
   */
  statements(): ReadonlyMap<string, number>
  reset(): void
}>

type Counts = Map<string, number>

/**
 * Run with a wire-tap: a TCP port that passes everything on to the PostgreSQL of a data folder and reads what the
 * clients send (frontend/backend protocol 3). PostgreSQL's own counters are of no use here: they lag by up to 10 s and do
 * not tell who asked.
 */
export async function withWire<T>(dataDir: string, work: (wire: Wire) => Promise<T>): Promise<T> {
  const counts: Counts = new Map()
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, (client) => {
    const database = connect(join(dataDir, 'postgres', 'run', '.s.PGSQL.5432'))
    for (const [from, to] of [
      [client, database],
      [database, client],
    ] as const) {
      sockets.add(from)
      from
        .on('data', (chunk) => void to.write(chunk))
        .on('error', () => to.destroy())
        .on('close', () => to.end())
    }
    client.on('data', reader(counts))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    return await work({
      databaseUrl: `postgresql://postgres@127.0.0.1:${(server.address() as AddressInfo).port}/promptstore`,
      statements: () => new Map(counts),
      reset() {
        counts.clear()
      },
    })
  } finally {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  }
}

/** Reads the messages of one client: a type byte (none on the first one), a length, the rest. */
function reader(counts: Counts): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0)
  let started = false
  const texts = new Map<string, string>()
  const message = (type: string, body: Buffer, isLast: boolean) => {
    const strings = () => body.toString('utf8').split('\0')
    if (type === 'Q') count(counts, `${isLast ? '' : '+ '}${strings()[0]}`)
    if (type === 'P') texts.set(strings()[0]!, strings()[1]!)
    if (type === 'B') count(counts, strings()[1] || (texts.get('') ?? '?'))
  }
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    for (;;) {
      const head = started ? 1 : 0
      if (rest.length < head + 4) return
      const end = head + rest.readUInt32BE(head)
      if (rest.length < end) return
      if (started) message(String.fromCharCode(rest[0]!), rest.subarray(5, end), end === rest.length)
      started = true
      rest = rest.subarray(end)
    }
  }
}

const count = (counts: Counts, text: string): void => {
  const key = text.replace(/\s+/g, ' ').trim().slice(0, 80)
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
