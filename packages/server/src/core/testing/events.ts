/** One event of a stream, as a caller gets it. */
export type ToldEvent = Readonly<{ id: string | undefined; event: string; data: never }>

export type Listening = Readonly<{
  status: number
  headers: Headers
  /** What has come so far, comments left out; grows. */
  events: readonly ToldEvent[]
  /** Resolves when the stream has ended, from whichever side. */
  ended: Promise<void>
  leave(): void
}>

/** Listen to a stream of server-sent events. */
export async function listenTo(address: string, { key, after }: { key?: string; after?: string } = {}): Promise<Listening> {
  const leaving = new AbortController()
  const response = await fetch(address, {
    signal: leaving.signal,
    headers: { ...(key && { authorization: `Bearer ${key}` }), ...(after !== undefined && { 'last-event-id': after }) },
  })
  const events: ToldEvent[] = []
  const read = async () => {
    let text = ''
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk
      const blocks = text.split('\n\n')
      text = blocks.pop()!
      for (const block of blocks) {
        const event = eventOf(block)
        if (event) events.push(event)
      }
    }
  }
  const ended = read().catch(() => undefined)
  return { status: response.status, headers: response.headers, events, ended, leave: () => leaving.abort() }
}

/** What a block tells (WHATWG HTML §9.2.6); undefined for comments and `retry`. */
function eventOf(block: string): ToldEvent | undefined {
  const fields = new Map(
    block.split('\n').map((line) => line.match(/^([a-z]+): ?(.*)$/)?.slice(1) as [string, string]) as [string, string][],
  )
  if (!fields.has('data')) return undefined
  return { id: fields.get('id'), event: fields.get('event') ?? 'message', data: JSON.parse(fields.get('data')!) as never }
}
