import { rmSync, writeFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { sealBlock } from './model/blocks.ts'
import { beginningLine, lineOf, parseLine } from './model/checkpoint.ts'
import { type AuditEntry, genesis } from './model/entry.ts'
import type { Verification } from './model/findings.ts'
import { createSigner } from './model/signing.ts'
import { type Audited, startAudited } from './testing/audit-kit.ts'

const workspaceId = '00000000-0000-7000-8000-000000000001'
let t: Audited
let putBack: () => Promise<void>
beforeAll(async () => {
  t = await startAudited()
  for (let block = 0; block < 3; block++) await t.change(2)
  expect(await t.verify()).toMatchObject({ ok: true, entries: 12, unsealed: 0, broken: null, checkpoints: { compared: 3, position: 12 } })
  putBack = await t.keep()
})
afterEach(() => putBack())
afterAll(() => t.stop())

const expectBroken = async (kind: string, at: Partial<NonNullable<Verification['broken']>> = {}): Promise<void> => {
  const { ok, broken } = await t.verify()
  expect({ ok, ...broken }).toMatchObject({ ok: false, kind, ...at })
}
const rest = 'workspace_id, at, actor, action, subject, before_hash, after_hash, request_id, data'

describe('in the table, with triggers off', () => {
  test.each([
    ['the actor', `actor = 'key:somebody-else'`],
    ['the time', `at = at - interval '1 day'`],
    ['the action', `action = 'prompt.updated'`],
    ['the subject', `subject = gen_random_uuid()::text`],
    ['the state before', `before_hash = after_hash`],
    ['the state after', `after_hash = null`],
    ['the request id', `request_id = 'another'`],
    ['the data', `data = data || '{"version": 7}'`],
  ])('an edit is found: %s', async (_, change) => {
    await t.tamper(`update audit_entry set ${change} where sequence = 5`)
    await expectBroken('edited', { position: 5, sequence: 5 })
  })

  test('a deletion is found', async () => {
    await t.tamper('delete from audit_entry where sequence = 6')
    await expectBroken('deleted', { position: 6, sequence: 6 })
  })

  test('an insertion is found, with a number that a transaction has drawn and given up', async () => {
    await t.database.query(`select setval('audit_entry_sequence_seq', (select max(sequence) + 3 from audit_entry))`)
    await t.change(1)
    const [{ sequence }] = (await t.database.query<{ sequence: string }>('select max(sequence) - 2 as sequence from audit_entry')) as [
      { sequence: string },
    ]
    await t.tamper(
      `insert into audit_entry (${rest}, sequence) overriding system value select ${rest}, ${sequence} from audit_entry where sequence = 5`,
    )
    await expectBroken('inserted', { sequence: Number(sequence) })
  })

  test('an insertion behind the last sealed entry, where the sealer has passed by, is found', async () => {
    const stranger = await t.stranger()
    await t.database.query(`select nextval('audit_entry_sequence_seq')`)
    await stranger('POST', '/prompts', { content: 'x' })
    await t.app.audit.settle()
    const [{ sequence }] = (await t.database.query<{ sequence: string }>(
      `select min(sequence) - 1 as sequence from audit_entry where workspace_id = '${stranger.workspaceId}' and action = 'prompt.created'`,
    )) as [{ sequence: string }]
    await t.tamper(
      `insert into audit_entry (${rest}, sequence) overriding system value select ${rest}, ${sequence} from audit_entry where sequence = 5`,
    )
    await expectBroken('inserted', { sequence: Number(sequence) })
  })

  test.each([
    ['neighbours', 7, 8],
    ['entries of different blocks', 3, 11],
  ])('a swap is found: of %s', async (_, a, b) => {
    const columns = 'at, actor, action, subject, before_hash, after_hash, request_id, data'
    await t.tamper(
      `update audit_entry x set (${columns}) = (select ${columns} from audit_entry y where y.sequence = ${a + b} - x.sequence) where sequence in (${a}, ${b})`,
    )
    await expectBroken(b - a === 1 ? 'swapped' : 'edited', { position: a, sequence: a })
  })

  test('a tail that was cut off, with its blocks, is found by the checkpoints outside', async () => {
    await t.tamper('delete from audit_block where height = 3')
    await t.tamper('delete from audit_entry where sequence > 8')
    await expectBroken('truncated', { position: 9 })
  })

  test('a tail whose blocks alone were cut off and sealed again as it was is no damage', async () => {
    await t.tamper('delete from audit_block where height = 3')
    await t.app.audit.settle()
    expect(await t.verify()).toMatchObject({ ok: true, entries: 12 })
  })

  test('a tail that was changed, cut off and sealed again by the service itself is found by the checkpoints outside', async () => {
    await t.tamper('delete from audit_block where height = 3')
    await t.tamper(`update audit_entry set actor = 'key:somebody-else' where sequence = 11`)
    await t.app.audit.settle()
    await expectBroken('rewritten', { position: 12 })
  })

  test('a block in the middle that is gone, altered, or signed anew is found', async () => {
    const [block] = await t.database.query<Record<string, unknown>>('select * from audit_block where height = 2')
    await t.tamper(`update audit_block set hashes = set_byte(hashes, 3, 7 # get_byte(hashes, 3)) where height = 2`)
    await expectBroken('seal_altered', { position: 5 })
    await t.tamper(
      `update audit_block set hashes = '\\x${(block!.hashes as Buffer).toString('hex')}', signature = set_byte(signature, 3, 7 # get_byte(signature, 3)) where height = 2`,
    )
    await expectBroken('signature', { position: 5 })
    await t.tamper('delete from audit_block where height = 2')
    await expectBroken('block_missing', { position: 5 })
  })
})

describe('signed anew, whole, by whoever owns the database', () => {
  /** Change an entry and make the chain anew. */
  async function sealAnew(secret: string): Promise<void> {
    await t.tamper(`update audit_entry set actor = 'key:somebody-else' where sequence = 5`)
    const entries = (await t.owner('GET', '/audit?limit=200')).body.items.toReversed() as AuditEntry[]
    const block = sealBlock({ workspaceId, height: 0, position: 0, head: genesis(workspaceId) }, entries, {
      number: 1,
      at: new Date().toISOString(),
      signer: createSigner(secret),
    })
    await t.tamper('delete from audit_block')
    await t.database.query(
      `insert into audit_block (workspace_id, height, number, through, first_position, last_position, sequences, hashes, previous, head, sealed_at, key_id, signature)
       values ($1, 1, 1, 12, 1, $2, $3, $4, $5, $6, $7, $8, $9)`,
      [
        workspaceId,
        block.lastPosition,
        block.sequences,
        block.hashes,
        block.previous,
        block.head,
        block.sealedAt,
        block.keyId,
        block.signature,
      ],
    )
  }

  test('with a key of their own: found by the public key', async () => {
    await sealAnew('a secret that the owner of the database has made up')
    await expectBroken('signature', { position: 1 })
  })

  test('with the stolen secret: found by the checkpoints outside', async () => {
    await sealAnew('audit-signing-key-of-the-tests-0123456')
    await expectBroken('rewritten')
  })
})

describe('in the file of checkpoints', () => {
  const signer = createSigner('a secret that is not that of the service')
  const rewrite = (change: (lines: string[]) => string[]) =>
    writeFileSync(
      t.file,
      change(t.lines())
        .map((line) => `${line}\n`)
        .join(''),
    )

  test('a file that was replaced by one of another key is found', async () => {
    rewrite((lines) =>
      lines.map((line) => {
        const parsed = parseLine(line)!
        if (parsed.type === 'checkpoints') return beginningLine(parsed.number, parsed.at, signer)
        return lineOf({ ...parsed, keyId: signer.keyId, signature: signer.sign('anything').toString('base64') })
      }),
    )
    await expectBroken('checkpoints_altered')
  })

  test('a line that was changed, taken out, or put in is found', async () => {
    const lines = t.lines()
    rewrite(() => lines.map((line) => line.replace('"position":8', '"position":7')))
    await expectBroken('checkpoints_altered')
    rewrite(() => lines.filter((line) => !line.includes('"number":2,')))
    await expectBroken('checkpoints_altered')
    rewrite(() => lines.slice(1))
    await expectBroken('checkpoints_altered')
    rewrite(() => [...lines, lines.at(-1)!.replace('"number":3', '"number":4').replace('"position":12', '"position":99')])
    await expectBroken('checkpoints_altered')
  })

  test('a file that was cut, replaced by an older one, or taken away is found once its newest checkpoint is a minute old', async () => {
    const lines = t.lines()
    const later = await startAudited({ database: t.database, file: t.file, clock: () => new Date(Date.now() + 120_000).toISOString() })
    try {
      expect((await later.verify()).ok).toBe(true)
      for (const kept of [lines.slice(0, -1), lines.slice(0, 1)]) {
        rewrite(() => kept)
        expect((await later.verify()).broken).toMatchObject({ kind: 'checkpoints_behind' })
      }
      rmSync(t.file)
      expect((await later.verify()).broken).toMatchObject({ kind: 'checkpoints_behind' })
    } finally {
      await later.stop()
    }
  })

  test('a line that was broken off by a crash, or written twice, is no damage', async () => {
    const lines = t.lines()
    writeFileSync(t.file, `${[...lines, lines.at(-1)!].join('\n')}\n${lines.at(-1)!.slice(0, 40)}`)
    await t.change(1)
    expect(await t.verify()).toMatchObject({ ok: true, entries: 14 })
    expect(t.lines().at(-1)).toContain('"type":"checkpoint"')
  })
})

describe('verify', () => {
  test('trusts an earlier key when the caller does', async () => {
    const before = await t.verify()
    const rotated = await startAudited({ database: t.database, auditSigningKey: 'another-audit-signing-key-0123456789' })
    try {
      await rotated.change(1)
      expect((await rotated.verify()).broken).toMatchObject({ kind: 'signature' })
      const trusting = await rotated.verify(`?publicKey=${encodeURIComponent(before.publicKey)}`)
      expect(trusting).toMatchObject({ ok: true, entries: 14 })
      expect(trusting.publicKey).not.toBe(before.publicKey)
    } finally {
      await rotated.stop()
    }
  })

  test('refuses what is no public key', async () => {
    const { status, body } = await t.owner('GET', '/audit/verify?publicKey=nonsense')
    expect([status, body.code]).toEqual([422, 'audit.public_key_invalid'])
  })

  test('of a workspace without any entry finds nothing wrong', async () => {
    const empty = await startAudited()
    try {
      expect(await empty.verify()).toMatchObject({ ok: true, entries: 0, unsealed: 0 })
    } finally {
      await empty.stop()
    }
  })
})
