import type { TestRedis } from '../../../testing/redis.ts'

export type Entry = Readonly<{ position: number; fields: Record<string, string> }>

/** Every entry of a stream, as it stands there. */
export async function entriesOf({ client }: Pick<TestRedis, 'client'>, stream: string): Promise<Entry[]> {
  const rows = (await client.xrange(stream, '-', '+')) as [string, string[]][]
  return rows.map(([id, list]) => ({
    position: Number(id.split('-')[0]),
    fields: Object.fromEntries(Array.from({ length: list.length / 2 }, (_, i) => [list[2 * i]!, list[2 * i + 1]!])),
  }))
}
