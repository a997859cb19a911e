import { writeFileSync } from 'node:fs'
import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { cloneDatabase } from '../../testing/index.ts'
import { BackupUnusable, frameWriter, magic } from './format.ts'
import { restore, verify } from './index.ts'
import { verifyBackup } from './read-backup.ts'
import { restoreBackup } from './restore.ts'
import { contentOf, filledBackup, freshPath, migratedDatabase } from './testing/stores.ts'
import { writeBackup } from './write-backup.ts'

/** A small store's backup: its bytes, whole. */
let whole: Buffer
beforeAll(async () => {
  const database = await cloneDatabase()
  await database.query(
    `insert into workspace (id, name, created_at) select gen_random_uuid(), 'w' || n, now() from generate_series(1, 30) n`,
  )
  const pieces: Buffer[] = []
  await writeBackup(database.url, async (bytes) => void pieces.push(bytes), { product: '0', at: new Date().toISOString() })
  whole = Buffer.concat(pieces)
  await database.drop()
})

async function* inPieces(bytes: Buffer, size = 1_000): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}
const flipped = (bytes: Buffer, bit: number): Buffer => {
  const copy = Buffer.from(bytes)
  copy[bit >> 3]! ^= 1 << (bit & 7)
  return copy
}

test('a whole one is read, in pieces of whatever size', async () => {
  for (const size of [1, 7, 1_000, 1_000_000]) expect((await verifyBackup(inPieces(whole, size))).tables.workspace).toBe(30)
})

test('one that was cut off is refused, wherever that was', async () => {
  const lengths = [0, 1, 10, 20, 21, 22, 25, 26, 100, whole.length >> 1, whole.length - 33, whole.length - 32, whole.length - 1]
  for (const length of lengths) await expect(verifyBackup(inPieces(whole.subarray(0, length))), `${length}`).rejects.toThrow(BackupUnusable)
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length - 1), async (length) => {
      await expect(verifyBackup(inPieces(whole.subarray(0, length)))).rejects.toThrow(BackupUnusable)
    }),
    { numRuns: 100 },
  )
})

test('one in which any single bit was changed is refused', async () => {
  const found = async (bit: number) => {
    await expect(verifyBackup(inPieces(flipped(whole, bit))), `bit ${bit}`).rejects.toThrow(BackupUnusable)
  }
  for (let bit = 0; bit < 30 * 8; bit++) await found(bit) // the first line and the first frame's head
  for (let bit = (whole.length - 40) * 8; bit < whole.length * 8; bit++) await found(bit) // the last frame
  await fc.assert(fc.asyncProperty(fc.nat(whole.length * 8 - 1), found), { numRuns: 300 })
})

test('what follows the end, and whole parts that are missing or doubled, are found', async () => {
  await expect(verifyBackup(inPieces(Buffer.concat([whole, Buffer.from('\n')])))).rejects.toThrow('follows its end')
  const half = whole.length >> 1
  await expect(verifyBackup(inPieces(Buffer.concat([whole.subarray(0, half), whole.subarray(half + 200)])))).rejects.toThrow(BackupUnusable)
  await expect(verifyBackup(inPieces(Buffer.concat([whole.subarray(0, half), whole])))).rejects.toThrow(BackupUnusable)
})

test('what is no backup, and one of a later form, say so', async () => {
  const file = freshPath()
  writeFileSync(file, '{"id":"1"}\n'.repeat(100))
  await expect(verify(file)).rejects.toThrow('is not a backup of Prompt Store')
  writeFileSync(file, `${magic}7\nwhatever`)
  await expect(verify(file)).rejects.toThrow('it has the form 7, and this version reads up to 1')
  await expect(verify(`${file}.nowhere`)).rejects.toThrow('ENOENT')
})

/** A well-formed backup with this header and no table. */
async function madeUp(header: object): Promise<Buffer> {
  const pieces: Buffer[] = []
  const writer = frameWriter(async (bytes) => void pieces.push(bytes))
  await writer.begin({ product: '9.0.0', at: '2026-01-01T00:00:00.000Z', encoding: 'UTF8', server: '18', migrations: [], ...header })
  await writer.json('S', { sequences: [] })
  await writer.end()
  return Buffer.concat(pieces)
}

test.each([
  [
    'a newer schema',
    { migrations: [{ name: '9999_later.sql', checksum: 'x' }] },
    'newer schema than this version: it was made by Prompt Store 9.0.0, with 9999_later.sql',
  ],
  [
    'a migration of other content',
    { migrations: [{ name: '0001_ground.sql', checksum: 'x' }] },
    '0001_ground.sql is not the one of this version',
  ],
  ['another encoding', { encoding: 'LATIN1' }, 'encoding LATIN1'],
])('one of %s is refused, and the store stays as it was', async (_what, header, reason) => {
  const target = await migratedDatabase()
  const before = await contentOf(target)
  await expect(restoreBackup(target.url, inPieces(await madeUp(header)))).rejects.toThrow(reason)
  expect(await contentOf(target)).toEqual(before)
})

test('a damaged file is not begun with; what comes damaged through a pipe is not committed, and can be tried again', async () => {
  const { database, file, bytes } = await filledBackup()
  const target = await migratedDatabase()
  const before = await contentOf(target)
  for (const damaged of [flipped(bytes, (bytes.length - 3) * 8), bytes.subarray(0, bytes.length - 40), flipped(bytes, bytes.length * 4)]) {
    writeFileSync(file, damaged)
    await expect(restore(target.url, file)).rejects.toThrow('cannot be used')
    await expect(restoreBackup(target.url, inPieces(damaged))).rejects.toThrow()
    expect(await contentOf(target)).toEqual(before)
  }
  await restoreBackup(target.url, inPieces(bytes))
  expect(await contentOf(target)).toEqual(await contentOf(database))
})
