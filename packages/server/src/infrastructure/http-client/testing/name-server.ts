import { createSocket } from 'node:dgram'
import { isIPv4 } from 'node:net'
import ipaddr from 'ipaddr.js'
import { onTestFinished } from 'vitest'

/** What is known of a name: addresses, a response code of DNS (2 failure, 3 no such name), or nothing said at all. */
type Known = readonly string[] | number | 'silent'

/**
 * A name server on loopback (RFC 1035, one question per packet), gone after the test.
 * @returns its address and port, and the questions that came
 */
export async function nameServer(zone: Readonly<Record<string, Known | Readonly<{ A: Known; AAAA: Known }>>>) {
  const asked: string[] = []
  const socket = createSocket('udp4')
  socket.on('message', (query, { port, address }) => {
    const { name, type, end } = question(query)
    asked.push(`${type} ${name}`)
    const entry = zone[name] ?? 3
    const known = typeof entry === 'object' && 'A' in entry ? entry[type] : entry
    if (known !== 'silent') socket.send(reply(query.subarray(0, end), type, known), port, address)
  })
  await new Promise<void>((bound) => socket.bind(0, '127.0.0.1', bound))
  onTestFinished(() => void socket.close())
  return { server: `127.0.0.1:${socket.address().port}`, asked }
}

function question(query: Buffer): { name: string; type: 'A' | 'AAAA'; end: number } {
  const labels: string[] = []
  let at = 12
  for (let length = query[at]!; length > 0; length = query[at]!) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(at + 1) === 1 ? 'A' : 'AAAA', end: at + 5 }
}

function reply(asked: Buffer, type: 'A' | 'AAAA', known: readonly string[] | number): Buffer {
  const records = typeof known === 'number' ? [] : known.filter((address) => isIPv4(address) === (type === 'A'))
  const head = Buffer.from(asked)
  head.writeUInt16BE(0x8180 | (typeof known === 'number' ? known : 0), 2)
  head.writeUInt16BE(records.length, 6)
  head.writeUInt32BE(0, 8)
  const answers = records.map((address) => {
    const bytes = ipaddr.parse(address).toByteArray()
    return Buffer.from([0xc0, 12, 0, type === 'A' ? 1 : 28, 0, 1, 0, 0, 0, 0, 0, bytes.length, ...bytes])
  })
  return Buffer.concat([head, ...answers])
}
