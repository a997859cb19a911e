import { describe, expect, test } from 'vitest'
import { AllowListError, isAllowed, parseAllowList } from './allow-list.ts'

describe('OUTBOUND_ALLOW', () => {
  const reads: readonly [text: string, open: readonly [string, number][], closed: readonly [string, number][]][] = [
    [
      '10.0.0.0/8',
      [
        ['10.255.0.1', 80],
        ['10.0.0.0', 65_535],
      ],
      [
        ['11.0.0.1', 80],
        ['::ffff:10.0.0.1', 80],
      ],
    ],
    ['10.0.0.0/8:9000', [['10.1.2.3', 9000]], [['10.1.2.3', 9001]]],
    ['192.168.1.7', [['192.168.1.7', 1]], [['192.168.1.8', 1]]],
    ['192.168.1.7:9000', [['192.168.1.7', 9000]], [['192.168.1.7', 443]]],
    ['0.0.0.0/0', [['127.0.0.1', 1]], [['::1', 1]]],
    ['fd00::/8', [['fd12::1', 1]], [['fe80::1', 1]]],
    ['fd00::/8:443', [['fd12::1', 443]], [['fd12::1', 80]]],
    ['[fd00::]/8:443', [['fd12::1', 443]], [['fd12::1', 80]]],
    [
      '[fd00::1]:443',
      [['fd00::1', 443]],
      [
        ['fd00::1', 80],
        ['fd00::2', 443],
      ],
    ],
    ['fd00::1:443', [['fd00::1:443', 80]], [['fd00::1', 443]]],
    ['::1', [['::1', 1]], [['127.0.0.1', 1]]],
    [
      ' 10.0.0.0/8 , ::1/128:80 ',
      [
        ['10.0.0.1', 1],
        ['::1', 80],
      ],
      [['::1', 81]],
    ],
  ]
  test.each(reads)('%s opens what it names and nothing else', (text, open, closed) => {
    const list = parseAllowList(text)
    for (const [address, port] of open) expect([address, port, isAllowed(list, address, port)]).toEqual([address, port, true])
    for (const [address, port] of closed) expect([address, port, isAllowed(list, address, port)]).toEqual([address, port, false])
  })

  test.each([
    ['', 'is no network'],
    ['10.0.0.0/8,', '"" is no network'],
    ['example.com', 'is no network'],
    ['10.0.0', 'is no network'],
    ['0x0a.0.0.0/8', 'is no network'],
    ['10.0.0.0/8/8', 'is no network'],
    ['10.0.0.0/8:', 'is no network'],
    ['10.0.0.0/', 'is no network'],
    ['[10.0.0.0]/8', 'is no network'],
    ['[fd00::/8', 'is no network'],
    ['fe80::1%eth0', 'is no network'],
    ['*', 'is no network'],
    ['10.0.0.0/33', 'a length over 32'],
    ['fd00::/129', 'a length over 128'],
    ['10.0.0.0/8:0', 'a port outside 1 to 65535'],
    ['10.0.0.0/8:65536', 'a port outside 1 to 65535'],
    ['10.1.2.3/8', 'write 10.0.0.0/8'],
    ['[fd00::1]/8:80', 'write fd00::/8'],
  ])('%j is refused: %s', (text, words) => {
    expect(() => parseAllowList(text)).toThrow(AllowListError)
    expect(() => parseAllowList(text)).toThrow(words)
  })
})
