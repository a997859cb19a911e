import { describe, expect, test } from 'vitest'
import { aKey, aKeyWith } from '../access/testing/rights-kit.ts'
import { aPrompt, aVersion, freshName, sharedApp, verdict } from '../prompts/testing/prompt-kit.ts'
import type { AutomationRun } from './model/automations-runs.ts'
import { aged, aRule, builtIn, confirmed, outcomesOf, ran, runJobOf, told } from './testing/automation-kit.ts'

const t = sharedApp()
const status = async (id: string): Promise<string> => (await t().owner('GET', `/prompts/${id}`)).body.status
const move = (id: string, to: string) => t().owner('PUT', `/prompts/${id}/lifecycle`, { status: to })
/** Prompts of a category of their own. */
async function some(count: number, to?: string): Promise<{ ids: string[]; category: string; scope: { categories: string[] } }> {
  const category = freshName('category')
  const ids: string[] = []
  for (let n = 0; n < count; n++) ids.push((await aPrompt(t().owner, { category, labels: ['production'] })).id)
  if (to) for (const id of ids) await move(id, to)
  return { ids, category, scope: { categories: [category] } }
}
const publish = { kind: 'move_status', status: 'published' }

describe('the built-in forms', () => {
  test('a prompt unused for 90 days is deprecated with a sunset, one in use or watched for less is not, and after 60 days it is archived', async () => {
    const { owner } = t()
    const { ids } = await some(4, 'published')
    const [unused, used, young, usedLongAgo] = ids as [string, string, string, string]
    await aged(t(), [unused, used, usedLongAgo], { made: 200, watched: 120 })
    await aged(t(), [young], { made: 89 })
    await aged(t(), [used], { served: 89 })
    await aged(t(), [usedLongAgo], { served: 91 })
    const rule = await aRule(owner, builtIn.unused)
    const run = await ran(owner, rule)
    expect([run.status, await outcomesOf(owner, run)]).toEqual(['succeeded', { [unused]: 'applied', [usedLongAgo]: 'applied' }])
    const { body } = await owner('GET', `/prompts/${unused}/lifecycle`)
    expect(body).toMatchObject({ status: 'deprecated', reason: 'Not served for 90 days', movedBy: `automation:${rule.id}` })
    expect(Date.parse(body.sunsetAt) - Date.parse(body.deprecatedAt)).toBeGreaterThan(29 * 86_400_000)
    expect(await ran(owner, rule)).toMatchObject({ counts: { matched: 0, applied: 0 } })

    await t().database.query(
      `update lifecycle_move set moved_at = now() - interval '60 days' where prompt_id = $1 and to_status = 'deprecated'`,
      [unused],
    )
    const archive = await ran(owner, await aRule(owner, builtIn.archive))
    expect(await outcomesOf(owner, archive)).toEqual({ [unused]: 'applied' })
    expect([await status(unused), await status(usedLongAgo), await status(used)]).toEqual(['archived', 'deprecated', 'published'])
  })

  test('nothing is taken for unused before use was watched for long enough', async () => {
    const { ids, scope } = await some(1, 'published')
    await aged(t(), ids, { made: 500, watched: 89 })
    const run = await ran(t().owner, await aRule(t().owner, { ...builtIn.unused, scope, name: freshName('early') }))
    expect(run.counts).toMatchObject({ examined: 1, matched: 0 })
  })
})

describe('an action', () => {
  test('moves a label to the newest version, to where another stands, and back', async () => {
    const { owner } = t()
    const { ids, scope } = await some(1)
    const [id] = ids as [string]
    await aVersion(owner, { id }, 'Second')
    await aVersion(owner, { id }, 'Third')
    await owner('PUT', `/prompts/${id}/labels/staging`, { version: 2 })
    const labels = async () => (await owner('GET', `/prompts/${id}`)).body.labels
    const act = async (action: object) => (await ran(owner, await aRule(owner, { scope, action }))).counts
    expect([await act({ kind: 'move_label', label: 'production', to: 'staging' }), await labels()]).toMatchObject([
      { applied: 1 },
      { production: 2 },
    ])
    expect([await act({ kind: 'move_label', label: 'production', to: 'latest' }), await labels()]).toMatchObject([
      { applied: 1 },
      { production: 3 },
    ])
    expect([await act({ kind: 'move_label', label: 'production', to: 9 }), await labels()]).toMatchObject([
      { applied: 0, notApplicable: 1 },
      { production: 3 },
    ])
    expect([await act({ kind: 'revert_label', label: 'production' }), await labels()]).toMatchObject([{ applied: 1 }, { production: 2 }])
    const history = (await owner('GET', `/prompts/${id}/labels/production/history`)).body.items
    expect(history[0]).toMatchObject({
      from: 3,
      to: 2,
      movedBy: expect.stringMatching(/^automation:/),
      reason: expect.stringMatching(/^By the automation "rule/),
    })
  })

  test('tells of each prompt, without touching it', async () => {
    const { ids, category, scope } = await some(2)
    const rule = await aRule(t().owner, { scope, action: { kind: 'notify', message: 'Nobody owns this' } })
    const run = await ran(t().owner, rule)
    const events = (await told(t(), rule)).filter(({ type }) => type === 'automation.notified')
    expect(events).toEqual(
      ids.map((promptId) => ({
        type: 'automation.notified',
        actor: `automation:${rule.id}`,
        data: { automation: rule.name, runId: run.id, message: 'Nobody owns this', promptId, category, name: expect.any(String) },
      })),
    )
    expect((await told(t(), rule)).at(-1)).toMatchObject({ type: 'automation.ran', data: { matched: 2, applied: 2, blocked: 0 } })
  })

  test('is told as the run has it: rights that are missing and what includes a prompt block it, the rest goes on', async () => {
    const { owner } = t()
    const { ids, category, scope } = await some(2, 'review')
    const [followed, free] = ids as [string, string]
    for (const id of ids) for (const to of ['published', 'deprecated']) await move(id, to)
    const name = encodeURIComponent((await owner('GET', `/prompts/${followed}`)).body.name)
    await aPrompt(owner, { content: `{{> ${encodeURIComponent(category)}/${name}@production}}` })
    const run = await ran(owner, await aRule(owner, { scope, action: { kind: 'move_status', status: 'archived' } }))
    expect(await outcomesOf(owner, run)).toEqual({ [followed]: 'blocked lifecycle.move_blocked', [free]: 'applied' })
    expect(run.counts).toMatchObject({ applied: 1, blocked: 1 })

    await owner('PUT', '/labels/guarded', { protected: true, roles: ['owner'] })
    const editor = await aKeyWith(t(), { permissions: ['automations:write', 'labels:write', 'lifecycle:read', 'prompts:read'] })
    const guarded = await aRule(editor, { scope, action: { kind: 'move_label', label: 'guarded', to: 1 } })
    const refused = await ran(owner, guarded)
    expect(Object.values(await outcomesOf(owner, refused))).toEqual(['blocked label.protected', 'blocked label.protected'])
  })
})

describe('a condition', () => {
  test.each([
    ['status == "draft" && category.startsWith("category")', 1],
    ['"production" in labels && labels.production == versions', 1],
    ['"staging" in labels && labels.staging == 1', 0],
    ['tags.exists(tag, tag == "old")', 1],
    ['metadata.team == "x" && metadata.size > 2', 1],
    ['isTemplate || includedBy > 0', 0],
    ['ageDays == 0 && statusAgeDays == 0 && daysSinceChange == 0 && daysSinceUse == null', 1],
    ['name.matches("^prompt ")', 1],
  ])('%s matches %i', async (condition, matched) => {
    const category = freshName('category')
    await aPrompt(t().owner, { category, tags: ['old'], metadata: { team: 'x', size: 3 } })
    const run = await ran(t().owner, await aRule(t().owner, { scope: { categories: [category] }, condition }))
    expect(run.counts).toMatchObject({ examined: 1, matched, applied: matched, conditionErrors: 0 })
  })

  test('that fails for some prompts is told for these, and the others are done', async () => {
    const { owner } = t()
    const category = freshName('category')
    const [good, bad] = [await aPrompt(owner, { category, metadata: { size: 3 } }), await aPrompt(owner, { category })]
    const run = await ran(owner, await aRule(owner, { scope: { categories: [category] }, condition: 'metadata.size > 2' }))
    expect([run.status, run.counts]).toMatchObject(['succeeded', { examined: 2, matched: 1, applied: 1, conditionErrors: 1 }])
    expect(run.errors).toEqual([{ promptId: bad.id, failed: 'error', detail: expect.any(String) }])
    expect(await outcomesOf(owner, run)).toEqual({ [good.id]: 'applied' })
  })

  test('that fails for every prompt, or is made to be slow, ends the run as failed and says why; the service goes on', async () => {
    const { owner } = t()
    const category = freshName('category')
    const metadata = { list: Array.from({ length: 3_000 }, (_, i) => i) }
    const ids = [await aPrompt(owner, { category, metadata }), await aPrompt(owner, { category, metadata })].map(({ id }) => id)
    const slow = 'metadata.list.all(a, metadata.list.all(b, a + b >= 0))'
    const rule = await aRule(owner, { scope: { categories: [category] }, condition: slow })
    const run = await ran(owner, rule)
    expect([run.status, run.counts]).toMatchObject(['failed', { examined: 2, matched: 0, conditionErrors: 2 }])
    expect(run.errors.map(({ promptId, failed }) => [promptId, failed])).toEqual(ids.map((id) => [id, 'timeout']))
    expect((await told(t(), rule)).at(-1)).toMatchObject({
      type: 'automation.failed',
      data: { error: expect.stringContaining('none of 2 prompts') },
    })
    expect((await owner('GET', '//livez')).status).toBe(200)
  })
})

describe('a dry run', () => {
  test('shows what would be done and what would stand in the way, changes nothing, and tells nothing', async () => {
    const { owner, database } = t()
    const { ids, category, scope } = await some(2, 'published')
    for (const id of ids) await move(id, 'deprecated')
    const name = encodeURIComponent((await owner('GET', `/prompts/${ids[0]}`)).body.name)
    await aPrompt(owner, { content: `{{> ${encodeURIComponent(category)}/${name}@production}}` })
    const rule = await aRule(owner, { scope, action: { kind: 'move_status', status: 'archived' }, limit: 1 })
    const state = () =>
      database.query(
        `select (select json_agg(p order by id) from prompt p) as prompts, (select json_agg(l) from prompt_label l) as labels,
          (select count(*) from lifecycle_move) as moves, (select count(*) from outbox) as told, (select count(*) from audit_entry) as entries`,
      )
    const before = await state()
    const run = await ran(owner, rule, { dryRun: true, reason: 'To see' })
    expect(run).toMatchObject({
      status: 'succeeded',
      trigger: 'dry_run',
      reason: 'To see',
      counts: { wouldApply: 1, blocked: 1, applied: 0 },
    })
    expect(await outcomesOf(owner, run)).toEqual({ [ids[0]!]: 'blocked lifecycle.move_blocked', [ids[1]!]: 'would_apply' })
    expect(await state()).toEqual(before)
  })

  test('tries a rule that is not saved, with the rights of the caller', async () => {
    const { ids, category, scope } = await some(1)
    const [other] = (await some(1)).ids
    const rule = { name: 'unsaved', condition: 'true', scope: { categories: [category, 'elsewhere'] }, action: publish }
    const limited = await aKeyWith(t(), {
      permissions: ['automations:write', 'lifecycle:write', 'lifecycle:read', 'prompts:read'],
      categories: [category],
    })
    const tryIt = (body: object) => limited<AutomationRun>('POST', '/lifecycle/automations/dry-run', { rule: body }, { prefer: 'wait=30' })
    const { status: code, body, headers } = await tryIt({ ...rule, scope })
    expect([code, body.status, body.automationId, headers.get('location')]).toEqual([
      200,
      'succeeded',
      null,
      `/api/v1/lifecycle/automations/runs/${body.id}`,
    ])
    expect([await outcomesOf(limited, body), await status(ids[0]!)]).toEqual([{ [ids[0]!]: 'would_apply' }, 'draft'])
    const everywhere = (await tryIt({ ...rule, scope: {} })).body
    expect(Object.keys(await outcomesOf(t().owner, everywhere))).not.toContain(other)
    for (const [fields, code] of [
      [{ condition: 'nonsense' }, 'expression.invalid'],
      [{ condition: 'metrics.cost > 1' }, 'automation.metrics_unavailable'],
      [{ schedule: 'x' }, 'automation.schedule_invalid'],
      [{ action: { ...publish, sunsetInDays: 1 } }, 'automation.invalid'],
    ] as const)
      expect(verdict(await tryIt({ ...rule, ...fields }))).toEqual([422, code])
  })
})

describe('a rule that finds more prompts than its limit', () => {
  test('moves none and asks; confirmed, it moves exactly those that it found and that still match', async () => {
    const { owner } = t()
    const { ids, category, scope } = await some(4)
    const rule = await aRule(owner, { scope, condition: 'status == "draft" && !("kept" in tags)', action: publish, limit: 3 })
    const asked = await ran(owner, rule)
    expect(asked).toMatchObject({
      status: 'needs_confirmation',
      counts: { matched: 4, found: 4, applied: 0 },
      error: expect.stringContaining('limit of 3'),
    })
    expect(await Promise.all(ids.map(status))).toEqual(['draft', 'draft', 'draft', 'draft'])
    expect((await told(t(), rule)).at(-1)).toMatchObject({ type: 'automation.stopped', data: { found: 4, limit: 3, runId: asked.id } })

    const [gone, tagged, ...rest] = ids as [string, string, string, string]
    await owner('DELETE', `/prompts/${gone}`)
    await owner('PUT', `/prompts/${tagged}`, { tags: ['kept'] })
    const late = await aPrompt(owner, { category })
    const { body } = await confirmed(owner, asked)
    expect(body).toMatchObject({ status: 'succeeded', confirmedBy: 'bootstrap', counts: { applied: 2, skipped: 2, found: 0 } })
    expect(await outcomesOf(owner, asked)).toEqual({
      [gone]: 'skipped automation.no_match',
      [tagged]: 'skipped automation.no_match',
      [rest[0]!]: 'applied',
      [rest[1]!]: 'applied',
    })
    expect(await status(late.id)).toBe('draft')
    expect(verdict(await confirmed(owner, asked))).toEqual([409, 'automation.nothing_to_confirm'])
  })

  test('is not confirmed once it was changed; a later run takes the place of one that asks; either can be turned down', async () => {
    const { owner } = t()
    const { ids, scope } = await some(2)
    const rule = await aRule(owner, { scope, action: publish, limit: 1 })
    const first = await ran(owner, rule)
    const second = await ran(owner, rule)
    const get = async ({ id }: AutomationRun) => (await owner<AutomationRun>('GET', `/lifecycle/automations/runs/${id}`)).body.status
    expect([await get(first), await get(second)]).toEqual(['cancelled', 'needs_confirmation'])
    await owner('PUT', `/lifecycle/automations/${rule.id}`, { limit: null })
    expect(verdict(await confirmed(owner, second))).toEqual([409, 'automation.changed_since'])
    const cancel = () => owner('POST', `/lifecycle/automations/runs/${second.id}/cancel`)
    expect([(await cancel()).body.status, ...verdict(await cancel())]).toEqual(['cancelled', 409, 'automation.run_over'])
    expect(await Promise.all(ids.map(status))).toEqual(['draft', 'draft'])
    const nobody = '01900000-0000-7000-8000-000000000000'
    for (const [method, path] of [
      ['GET', ''],
      ['GET', '/outcomes'],
      ['POST', '/confirm'],
      ['POST', '/cancel'],
    ] as const)
      expect(verdict(await owner(method, `/lifecycle/automations/runs/${nobody}${path}`))).toEqual([404, 'automation.run_not_found'])
  })
})

describe('rights', () => {
  test('are those that whoever saved the rule has when it runs: taken away, nothing is moved any more; given to a role, it is', async () => {
    const { owner } = t()
    const { ids, scope } = await some(1)
    const role = await owner('POST', '/roles', {
      name: freshName('role'),
      permissions: ['automations:write', 'lifecycle:write', 'lifecycle:read', 'prompts:read'],
    })
    const key = await aKey(t(), { role: role.body.name })
    const rule = await aRule(key, { scope, action: publish })
    await owner('PUT', `/roles/${role.body.id}`, { permissions: ['lifecycle:read', 'prompts:read'] })
    expect(await outcomesOf(owner, await ran(owner, rule))).toEqual({ [ids[0]!]: 'blocked auth.forbidden' })
    await owner('PUT', `/roles/${role.body.id}`, { permissions: ['lifecycle:write', 'prompts:read'] })
    const rotated = await owner('POST', `/api-keys/${key.id}/rotate`, { overlapMs: 0 })
    expect(rotated.status).toBe(201)
    expect(await outcomesOf(owner, await ran(owner, rule))).toEqual({ [ids[0]!]: 'applied' })
  })

  test('of a key that was revoked are none: the rule is turned off, and says why, until somebody saves it', async () => {
    const { owner } = t()
    const { ids, scope } = await some(1)
    const key = await aKey(t(), { role: 'admin' })
    const rule = await aRule(key, { scope, action: publish, enabled: true })
    await owner('DELETE', `/api-keys/${key.id}`)
    const run = await ran(owner, rule)
    expect([run.status, run.error]).toEqual(['failed', expect.stringContaining('has no key and no membership any more')])
    const after = (await owner('GET', `/lifecycle/automations/${rule.id}`)).body
    expect(after).toMatchObject({ enabled: false, nextRunAt: null, disabledReason: expect.stringContaining('nobody to act for') })
    expect((await told(t(), rule)).map(({ type, data }) => [type, (data as { change?: string }).change])).toEqual([
      ['automation.changed', 'created'],
      ['automation.changed', 'disabled'],
      ['automation.failed', undefined],
    ])
    const saved = (await owner('PUT', `/lifecycle/automations/${rule.id}`, { enabled: true })).body
    expect(saved).toMatchObject({ enabled: true, disabledReason: null, savedBy: 'bootstrap' })
    expect(await outcomesOf(owner, await ran(owner, rule))).toEqual({ [ids[0]!]: 'applied' })
  })

  test('limited to categories limit what is examined, and what is shown of runs', async () => {
    const { owner } = t()
    const [mine, theirs] = [await some(1), await some(1)]
    const limits = { categories: [mine.category] }
    const key = await aKeyWith(t(), { permissions: ['automations:write', 'lifecycle:write', 'lifecycle:read', 'prompts:read'], ...limits })
    const own = await ran(owner, await aRule(key, { action: publish, limit: 1 }))
    expect([await outcomesOf(owner, own), await status(theirs.ids[0]!)]).toEqual([{ [mine.ids[0]!]: 'applied' }, 'draft'])
    const scope = { categories: [mine.category, theirs.category] }
    const both = await ran(owner, await aRule(owner, { scope }))
    expect(Object.keys(await outcomesOf(owner, both)).sort()).toEqual([...mine.ids, ...theirs.ids].sort())
    expect(Object.keys(await outcomesOf(key, both))).toEqual(mine.ids)
    expect((await key('GET', `/lifecycle/automations/runs/${both.id}`)).body).toMatchObject({
      counts: null,
      errors: [],
      progress: { done: 0, total: 0 },
    })
    for (const to of ['published', 'deprecated']) await move(mine.ids[0]!, to)
    const path = `${encodeURIComponent(mine.category)}/${encodeURIComponent((await owner('GET', `/prompts/${mine.ids[0]}`)).body.name)}`
    await aPrompt(owner, { category: theirs.category, name: 'secret follower', content: `{{> ${path}@production}}` })
    const blocked = await ran(
      owner,
      await aRule(owner, { scope, action: { kind: 'move_status', status: 'archived' }, condition: 'status == "deprecated"' }),
    )
    const shown = async (call: typeof owner) => (await call('GET', `/lifecycle/automations/runs/${blocked.id}/outcomes`)).text
    expect([(await shown(owner)).includes('secret follower'), (await shown(key)).includes('lifecycle.move_blocked')]).toEqual([true, true])
    expect(await shown(key)).not.toContain('secret follower')
    await owner('PUT', `/prompts/${mine.ids[0]}`, { category: theirs.category })
    expect(await outcomesOf(key, both)).toEqual({})
  })
})

describe('runs', () => {
  test('are listed, filtered and walked; a rule has one at a time', async () => {
    const { owner, database } = t()
    const rule = await aRule(owner, { scope: (await some(1)).scope })
    const first = await ran(owner, rule)
    const dry = await ran(owner, rule, { dryRun: true })
    const runs = async (query: string) =>
      (await owner('GET', `/lifecycle/automations/runs?automationId=${rule.id}${query}`)).body as {
        items: AutomationRun[]
        nextCursor: string
      }
    expect((await runs('')).items.map(({ id }) => id)).toEqual([dry.id, first.id])
    expect((await runs('&trigger=manual&status=succeeded')).items.map(({ id }) => id)).toEqual([first.id])
    const page = await runs('&limit=1')
    expect((await runs(`&limit=1&cursor=${encodeURIComponent(page.nextCursor)}`)).items.map(({ id }) => id)).toEqual([first.id])
    await database.query(`update lifecycle_automation_run set status = 'running' where id = $1`, [first.id])
    expect(verdict(await owner('POST', `/lifecycle/automations/${rule.id}/run`, {}))).toEqual([409, 'automation.run_goes_on'])
    await owner('DELETE', `/lifecycle/automations/${rule.id}`)
    expect((await owner('GET', `/lifecycle/automations/runs/${first.id}`)).body).toMatchObject({
      status: 'cancelled',
      error: 'The automation was removed.',
    })
  })

  test('are answered at once without Prefer, and end by themselves', async () => {
    const rule = await aRule(t().owner, { scope: (await some(1)).scope })
    const answer = await t().owner('POST', `/lifecycle/automations/${rule.id}/run`)
    expect([answer.status, answer.body.status]).toEqual([202, expect.stringMatching(/^(queued|running)$/)])
    const read = () => t().owner('GET', answer.headers.get('location')!.replace('/api/v1', ''))
    await expect.poll(async () => (await read()).body.status).toBe('succeeded')
  })

  test('examine thousands of prompts page by page, and keep to the limit of what is found', async () => {
    const { owner, database } = t()
    const category = freshName('category')
    await database.query(
      `with made as (
         insert into prompt (workspace_id, id, category, name, description, type, tags, metadata, is_template, status, version, revision, created_by, created_at, updated_at)
         select '00000000-0000-7000-8000-000000000001', gen_random_uuid(), $1, 'many ' || n, '', 'text', '{}', '{}', false, 'draft', 1, 1, 'test', now(), now()
         from generate_series(1, 1201) n returning workspace_id, id)
       insert into prompt_version (workspace_id, prompt_id, version, engine, content, variables, config, checksum, change_type, metadata, created_by, created_at)
       select workspace_id, id, 1, 'none', '"x"', '[]', '{}', 'x', 'create', '{}', 'test', now() from made`,
      [category],
    )
    const run = await ran(
      owner,
      await aRule(owner, { scope: { categories: [category] }, condition: 'name.endsWith("00")', action: publish }),
    )
    expect(run).toMatchObject({
      status: 'succeeded',
      counts: { examined: 1201, matched: 12, applied: 12 },
      progress: { done: 1213, total: 1213 },
    })
    expect(new Set(Object.values(await outcomesOf(owner, run)))).toEqual(new Set(['applied']))
  })

  test('that are older than ninety days go with their outcomes', async () => {
    const { owner, database } = t()
    const rule = await aRule(owner, { scope: (await some(1)).scope })
    const [old, recent] = [await ran(owner, rule), await ran(owner, rule)]
    await database.query(`update lifecycle_automation_run set created_at = now() - interval '91 days' where id = $1`, [old.id])
    await runJobOf(t(), 'lifecycle.purge_automation_runs')
    expect(verdict(await owner('GET', `/lifecycle/automations/runs/${old.id}`))).toEqual([404, 'automation.run_not_found'])
    expect(await database.query('select run_id from lifecycle_automation_outcome where run_id = any($1)', [[old.id, recent.id]])).toEqual([
      { run_id: recent.id },
    ])
  })
})
