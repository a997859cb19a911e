import { describe, expect, test } from 'vitest'
import { aKey, aKeyWith } from '../access/testing/rights-kit.ts'
import { sharedApp, verdict } from '../prompts/testing/prompt-kit.ts'
import type { Automation } from './model/automations.ts'
import { aRule, builtIn, told } from './testing/automation-kit.ts'

const t = sharedApp()
const notify = { kind: 'notify', message: 'Look at it' }
const rule = (name: string, more: object = {}) => ({ name, condition: 'ageDays > 3', action: notify, ...more })
const put = (items: object[], headers: Record<string, string> = {}) =>
  t().owner<{ items: Automation[]; errors?: { pointer: string }[] }>('PUT', '/lifecycle/automations', { items }, headers)
const list = () => t().owner<{ items: Automation[] }>('GET', '/lifecycle/automations')
const one = (id: string) => t().owner<Automation>('GET', `/lifecycle/automations/${id}`)

describe('the rules of a workspace', () => {
  test('are set all at once, shown by name with what was taken for what was left out, and told', async () => {
    const { status, body } = await put([
      rule('zebra'),
      rule('ant', { scope: { categories: ['a/b'] }, schedule: '*/15 8-18 * * 1-5', limit: 7 }),
    ])
    expect([status, body.items.map(({ name }) => name)]).toEqual([200, ['ant', 'zebra']])
    expect(body.items[1]).toEqual({
      ...rule('zebra'),
      id: expect.any(String),
      description: '',
      enabled: true,
      schedule: '0 3 * * *',
      scope: {},
      limit: 20,
      disabledReason: null,
      savedBy: 'bootstrap',
      savedAt: expect.stringMatching(/Z$/),
      nextRunAt: expect.stringMatching(/T03:00:00\.000Z$/),
      revision: 1,
    })
    expect((await list()).body).toEqual(body)
    expect((await one(body.items[0]!.id)).body).toEqual(body.items[0])
    expect(await told(t(), body.items[0]!)).toEqual([
      { type: 'automation.changed', actor: 'bootstrap', data: { name: 'ant', change: 'created' } },
    ])
  })

  test('keep their ids by name or id; what is sent as it was stays its author’s, and what is not sent is removed', async () => {
    const { items } = (await put([rule('a'), rule('b'), rule('c')])).body
    const [a, b, c] = items as [Automation, Automation, Automation]
    const admin = await aKey(t(), { role: 'admin' })
    const sent = [a, { ...b, name: 'renamed' }, rule('d')]
    const after = (await admin('PUT', '/lifecycle/automations', { items: sent })).body.items as Automation[]
    expect(after.map(({ id, name, savedBy, revision }) => [id, name, savedBy, revision])).toEqual([
      [a.id, 'a', 'bootstrap', 1],
      [expect.any(String), 'd', `key:${admin.id}`, 1],
      [b.id, 'renamed', `key:${admin.id}`, 2],
    ])
    expect(verdict(await one(c.id))).toEqual([404, 'automation.not_found'])
    expect((await told(t(), c)).at(-1)!.data).toEqual({ name: 'c', change: 'deleted' })
    const swapped = await put([
      { ...after[0]!, name: 'd' },
      { ...after[1]!, name: 'a' },
    ])
    expect(swapped.body.items.map(({ id }) => id)).toEqual([after[1]!.id, after[0]!.id])
  })

  test('have an entity tag, so that of two who set them at once one is told', async () => {
    await put([rule('tagged')])
    const { headers, body } = await list()
    const match = { 'if-match': headers.get('etag')! }
    expect(verdict(await put([...body.items, rule('another')], match))).toEqual([200])
    expect(verdict(await put(body.items, match))).toEqual([412, 'precondition.failed'])
    const both = await Promise.all([put([rule('x'), rule('y')]), put([rule('y'), rule('x')])])
    expect(both.map(({ status }) => status)).toEqual([200, 200])
  })

  test('are fifty at most, and each is bounded', async () => {
    const many = Array.from({ length: 51 }, (_, i) => rule(`many ${i}`))
    expect(verdict(await put(many))).toEqual([400, 'request.invalid'])
    for (const wrong of [
      rule('', {}),
      rule('x', { limit: 0 }),
      rule('x', { limit: 10_001 }),
      rule('x', { scope: { statuses: ['gone'] } }),
      rule('x', { scope: { tags: [] } }),
      rule('x', { condition: `'${'x'.repeat(2_000)}' == name` }),
      rule('x', { action: { kind: 'notify', message: '' } }),
      rule('x', { action: { kind: 'explode' } }),
      rule('x', { action: { kind: 'move_label', label: 'latest', to: 1 } }),
      rule('x', { action: { ...notify, status: 'archived' } }),
      rule('x', { onTuesdays: true }),
    ])
      expect([wrong, ...verdict(await put([wrong]))]).toEqual([wrong, 400, 'request.invalid'])
  })

  test.each([
    ['a condition that cannot be read', { condition: 'ageDays >' }, 'expression.invalid', '/items/0/condition'],
    ['an unknown variable', { condition: 'weather == "fine"' }, 'expression.invalid', '/items/0/condition'],
    ['a condition that is no condition', { condition: '"yes"' }, 'expression.invalid', '/items/0/condition'],
    [
      'a figure that is not measured yet',
      { condition: 'metrics.successRate < 0.9' },
      'automation.metrics_unavailable',
      '/items/0/condition',
    ],
    ['a schedule of four fields', { schedule: '0 3 * *' }, 'automation.schedule_invalid', '/items/0/schedule'],
    ['an id of nobody', { id: '01900000-0000-7000-8000-000000000000' }, 'automation.invalid', '/items/0/id'],
    [
      'a sunset of what is not deprecated',
      { action: { kind: 'move_status', status: 'archived', sunsetInDays: 3 } },
      'automation.invalid',
      '/items/0/action/sunsetInDays',
    ],
  ])('are refused with %s, where it stands, and nothing is changed', async (_, fields, code, pointer) => {
    const before = (await list()).body
    const answer = await put([rule('wrong', fields)])
    expect([...verdict(answer), answer.body.errors?.[0]?.pointer]).toEqual([422, code, pointer])
    expect((await list()).body).toEqual(before)
  })

  test('are refused when two have one name, and when their author may not do what they do', async () => {
    expect(verdict(await put([rule('twice'), rule('twice')]))).toEqual([422, 'automation.name_taken'])
    const key = await aKeyWith(t(), { permissions: ['automations:write', 'lifecycle:read'] })
    const answer = await key('PUT', '/lifecycle/automations', { items: [builtIn.archive] })
    expect([...verdict(answer), answer.body.permission]).toEqual([403, 'auth.forbidden', 'lifecycle:write'])
    const labels = rule('labels', { action: { kind: 'revert_label', label: 'production' } })
    expect((await key('PUT', '/lifecycle/automations', { items: [labels] })).body.permission).toBe('labels:write')
    expect(verdict(await key('PUT', '/lifecycle/automations', { items: [rule('telling')] }))).toEqual([200])
  })
})

describe('one rule', () => {
  const change = (id: string, body: object, headers: Record<string, string> = {}) =>
    t().owner<Automation>('PUT', `/lifecycle/automations/${id}`, body, headers)

  test('is changed field by field; null clears; what was read can be sent back', async () => {
    const made = await aRule(t().owner, { description: 'For a while', limit: 3, enabled: true, scope: { tags: ['x'] } })
    const changed = (await change(made.id, { limit: null, description: null, scope: null, enabled: false })).body
    expect(changed).toMatchObject({
      limit: 20,
      description: '',
      scope: {},
      enabled: false,
      nextRunAt: null,
      revision: 2,
      condition: made.condition,
    })
    const same = await change(made.id, changed)
    expect([same.status, same.body]).toEqual([200, changed])
    const back = await change(made.id, { ...changed, enabled: true, schedule: '30 4 1 * *' })
    expect(back.body.nextRunAt).toMatch(/-01T04:30:00\.000Z$/)
    expect((await told(t(), made)).map(({ data }) => (data as { change: string }).change)).toEqual(['created', 'updated', 'updated'])
  })

  test('honours If-Match, and has the name of no other', async () => {
    const [a, b] = [await aRule(t().owner), await aRule(t().owner)]
    expect(verdict(await change(a.id, { limit: 5 }, { 'if-match': '"7"' }))).toEqual([412, 'precondition.failed'])
    expect(verdict(await change(a.id, { name: b.name }))).toEqual([422, 'automation.name_taken'])
    expect(verdict(await change(a.id, { id: b.id }))).toEqual([422, 'field.read_only'])
    expect(verdict(await change(a.id, { condition: 'nonsense' }))).toEqual([422, 'expression.invalid'])
    expect(verdict(await change(a.id, { schedule: 'never' }))).toEqual([422, 'automation.schedule_invalid'])
    const gone = await t().owner('DELETE', `/lifecycle/automations/${a.id}`, undefined, { 'if-match': '"7"' })
    expect(verdict(gone)).toEqual([412, 'precondition.failed'])
  })

  test('is removed, and then it is not there', async () => {
    const { id } = await aRule(t().owner)
    expect((await t().owner('DELETE', `/lifecycle/automations/${id}`)).status).toBe(204)
    for (const answer of [
      await one(id),
      await change(id, { limit: 5 }),
      await t().owner('DELETE', `/lifecycle/automations/${id}`),
      await t().owner('POST', `/lifecycle/automations/${id}/run`, {}),
    ])
      expect(verdict(answer)).toEqual([404, 'automation.not_found'])
  })
})
