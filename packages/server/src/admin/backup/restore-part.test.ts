import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { migrate, migrations } from '../../infrastructure/postgres/migrate.ts'
import { type Call, startTestApp, type TestApp } from '../../testing/index.ts'
import { parseCommand, run, UsageError } from '../commands.ts'
import { backup } from './index.ts'
import { fieldsOf, lineCutter, unescaped } from './rows.ts'
import { contentOf, freshPath, migratedDatabase, settled, untouchedDatabase } from './testing/stores.ts'

const mine = '00000000-0000-7000-8000-000000000001'

type Setting = { app: TestApp; file: string; id: string; included: string; stranger: Call & { workspaceId: string } }
/** A store with a backup of it, after which the prompt `support/re/ply` was changed and deleted. */
async function setting(): Promise<Setting> {
  const app = await startTestApp()
  onTestFinished(() => app.stop())
  const stranger = await app.stranger()
  const make = async (call: Call, body: object) => (await call('POST', '/prompts', body)).body.id as string
  const included = await make(app.owner, { category: 'parts', name: 'tone', content: 'Kindly.' })
  const id = await make(app.owner, {
    category: 'support',
    name: 're/ply',
    content: 'Answer\n\t{{who}} \\N. {{> parts/tone}}',
    tags: ['a\\b'],
  })
  await app.owner('PUT', `/prompts/${id}/content`, { content: 'Second. {{> parts/tone}}' })
  await app.owner('PUT', `/prompts/${id}/labels/staging`, { version: 2 })
  await make(stranger, { category: 'their', name: 'own', content: 'Theirs' })
  const file = freshPath()
  await backup(app.database.url, file, { force: false })
  return { app, file, id, included, stranger }
}

async function command(app: TestApp, ...args: string[]): Promise<{ out: string[]; notes: string[] }> {
  const [out, notes]: [string[], string[]] = [[], []]
  await run(parseCommand(args), app.database.url, { result: (line) => out.push(line), note: (line) => notes.push(line) })
  return { out, notes }
}
const viewed = async (call: Call, id: string) => {
  const { status, body } = await call('GET', `/prompts/${id}`)
  return { status, content: body.content, labels: body.labels, version: body.version, name: body.name, tags: body.tags }
}

test('one prompt comes back into a living store with its versions and labels, and every instance serves it', async () => {
  const { app, file, id } = await setting()
  const other = await startTestApp({ database: app.database })
  onTestFinished(() => other.stop())
  const before = await viewed(app.owner, id)
  const versions = (await app.owner('GET', `/prompts/${id}/versions`)).body
  await app.owner('DELETE', `/prompts/${id}`)
  expect((await other.owner('GET', '/prompts/search/support/re%2Fply')).status).toBe(404)
  const { out, notes } = await command(app, 'restore', file, '--prompt', 'support/re%2Fply')
  expect(notes).toEqual([`restored: support/re/ply with 2 versions, in the workspace ${mine}`])
  expect(out[0]).not.toBe(id) // the deleted one still has it
  expect(await viewed(app.owner, out[0]!)).toEqual(before)
  expect((await app.owner('GET', `/prompts/${out[0]}/versions`)).body).toEqual(versions)
  for (const { owner } of [app, other])
    await expect.poll(async () => (await owner('GET', '/prompts/search/support/re%2Fply')).body.content).toContain('{{who}} \\N.')
  const next = await app.owner('PUT', `/prompts/${out[0]}/labels/staging`, { version: 1 })
  expect([next.status, (await app.owner('POST', `/prompts/${out[0]}/labels/staging/revert`, {})).body.version]).toEqual([200, 2])
})

test('its id is kept where it is free, also in another workspace and under another name', async () => {
  const { app, file, included, stranger } = await setting()
  const { out } = await command(app, 'restore', file, '--prompt', included, '--into', stranger.workspaceId, '--as', 'borrowed/to%2Fne')
  expect(out).toEqual([included])
  expect((await stranger('GET', '/prompts/search/borrowed/to%2Fne')).body).toMatchObject({
    id: included,
    content: 'Kindly.',
    category: 'borrowed',
  })
})

test('what stands against it is said, and nothing is changed', async () => {
  const { app, file, id, stranger } = await setting()
  await settled(app)
  const before = await contentOf(app.database)
  const refused = (...args: string[]) => expect(command(app, 'restore', file, ...args)).rejects
  await refused('--prompt', id).toThrow('"support/re/ply" is there already')
  await refused('--prompt', id, '--into', stranger.workspaceId).toThrow('It includes what is not in that workspace: "parts/tone"')
  await refused('--prompt', 'no/such').toThrow('There is no such prompt in the backup')
  await refused('--prompt', id, '--workspace', 'another').toThrow('There is no such prompt in the backup')
  await refused('--prompt', id, '--into', 'nowhere').toThrow('There is no workspace "nowhere" in the store, which has')
  await refused('--workspace', 'default').toThrow(`The workspace ${mine} is there and not empty`)
  await refused('--workspace', 'nowhere').toThrow('There is no workspace "nowhere" in the backup')
  expect(await contentOf(app.database)).toEqual(before)
})

test('a prompt that several workspaces have is chosen by its workspace, and a name of several workspaces by its id', async () => {
  const { app, stranger } = await setting()
  await stranger('POST', '/prompts', { category: 'parts', name: 'tone', content: 'Sternly.' })
  const third = await app.stranger()
  const file = freshPath()
  await backup(app.database.url, file, { force: false })
  const args = ['restore', file, '--prompt', 'parts/tone', '--into', mine, '--as', 'parts/other']
  await expect(command(app, ...args)).rejects.toThrow('Several workspaces of the backup have such a prompt')
  await expect(command(app, ...args, '--workspace', 'another')).rejects.toThrow('Several workspaces in the backup are called "another"')
  const { out } = await command(app, ...args, '--workspace', stranger.workspaceId)
  expect((await app.owner('GET', `/prompts/${out[0]}`)).body.content).toBe('Sternly.')
  expect(third.workspaceId).not.toBe(stranger.workspaceId)
})

test('one workspace is restored beside itself as a new one, without its keys', async () => {
  const { app, file, id } = await setting()
  const { out, notes } = await command(app, 'restore', file, '--workspace', 'default', '--as', 'yesterday')
  expect(notes.join()).toContain('Keys and invitations were left out')
  const rows = (table: string, workspaceId: string) =>
    app.database.query(`select to_jsonb(t) - 'workspace_id' - 'id' as row from ${table} t where workspace_id = $1 order by 1`, [
      workspaceId,
    ])
  for (const table of ['prompt', 'prompt_version', 'prompt_label', 'prompt_label_move', 'prompt_include'])
    expect([table, await rows(table, out[0]!)]).toEqual([table, await rows(table, mine)])
  expect(await app.database.query('select name from workspace where id = $1', [out[0]])).toEqual([{ name: 'yesterday' }])
  expect(await rows('api_key', out[0]!)).toEqual([])
  const told = () =>
    app.database.query(
      `select 1 from outbox where workspace_id = $1 and type = 'prompt.restored' and subject = $2 and position is not null`,
      [out[0], id],
    )
  await expect.poll(async () => (await told()).length).toBe(1)
})

test('one workspace is restored into another store, under its own id, with the keys and members that can come', async () => {
  const { app, file, stranger } = await setting()
  await app.database.query(
    `insert into person (id, issuer, subject, created_at) values ('01900000-0000-7000-8000-0000000000a1', 'i', 'known', now()), ('01900000-0000-7000-8000-0000000000a2', 'i', 'new', now()), ('01900000-0000-7000-8000-0000000000a3', 'i', 'elsewhere', now())`,
  )
  await app.database.query(
    `insert into member (workspace_id, id, person_id, role, added_by, created_at, updated_at, revision)
     select $1, gen_random_uuid(), id, 'viewer', 'test', now(), now(), 1 from person where subject <> 'elsewhere'`,
    [stranger.workspaceId],
  )
  await backup(app.database.url, file, { force: true })
  const target = await startTestApp({ database: await migratedDatabase() })
  onTestFinished(() => target.stop())
  await target.database.query(`insert into person (id, issuer, subject, created_at) values (gen_random_uuid(), 'i', 'known', now())`)
  await target.owner('POST', '/prompts', { content: 'Was here' })
  const { out, notes } = await command(target, 'restore', file, '--workspace', stranger.workspaceId)
  expect(out).toEqual([stranger.workspaceId])
  expect(notes.join()).toContain('1 members were left out')
  expect((await target.database.query('select subject from person order by 1')).map((row) => Object.values(row)[0])).toEqual([
    'known',
    'new',
  ])
  expect(await target.database.query('select name from api_key')).toHaveLength(1)
  expect(await target.database.query('select name from prompt where workspace_id = $1', [out[0]])).toEqual([{ name: 'own' }])
  expect((await target.owner('GET', '/prompts?includeTotal=true')).body.total).toBe(1)
})

test('a part of a backup of another schema is refused with the way to get it', async () => {
  const old = await untouchedDatabase()
  await migrate(old.url, { known: migrations().slice(0, 3) })
  await old.query(`insert into workspace (id, name, created_at) values ('01900000-0000-7000-8000-000000000001', 'old', now())`)
  const file = freshPath()
  await backup(old.url, file, { force: false })
  const app = await startTestApp()
  onTestFinished(() => app.stop())
  await expect(command(app, 'restore', file, '--workspace', 'old')).rejects.toThrow(
    'Restore all of it into an empty DATA_DIR, back that up',
  )
})

let parse: (...args: string[]) => unknown
beforeAll(() => {
  parse = (...args) => parseCommand(args)
})
test.each([
  [['backup'], 'needs a file'],
  [['restore', 'a', 'b'], 'There is no command'],
  [['backup', 'verify'], 'needs a file'],
  [['restore', 'f', '--into', 'w'], '--into goes with --prompt'],
  [['restore', 'f', '--as', 'w'], '--as goes with'],
  [['restore', '-', '--workspace', 'w'], 'read twice'],
  [['restore', 'f', '--prompt', 'only-a-name'], 'category/name or an id'],
  [['restore', 'f', '--prompt', 'a/%zz'], 'category/name or an id'],
  [['restore', 'f', '--prompt', 'a/b', '--as', 'a/b/c'], '--as takes category/name,'],
  [['restore', 'f', '--force'], 'takes no --force'],
])('the arguments %j are refused with a reason', (args, reason) => {
  expect(() => parse(...args)).toThrow(UsageError)
  expect(() => parse(...args)).toThrow(reason)
})

test('rows are cut and read as COPY writes them, however the pieces fall', () => {
  const text = Buffer.from('a\tb\\\\c\t\\N\nd\t\te\\tf\n')
  for (let size = 1; size <= text.length; size++) {
    const cutter = lineCutter()
    const lines: string[] = []
    for (let at = 0; at < text.length; at += size) lines.push(...cutter.push(text.subarray(at, at + size)).map(String))
    expect(lines).toEqual(['a\tb\\\\c\t\\N', 'd\t\te\\tf'])
  }
  expect(fieldsOf(Buffer.from('a\tb\\\\c\t\\N'), [1, 0, 2]).map(unescaped)).toEqual(['b\\c', 'a', null])
  expect(fieldsOf(Buffer.from('d\t\te\\tf'), [2, 1]).map(unescaped)).toEqual(['e\tf', ''])
})
