import { expect, test } from 'vitest'
import { aPrompt, aVersion, sharedApp, verdict } from '../prompts/testing/prompt-kit.ts'
import { aKeyWith } from './testing/rights-kit.ts'

const app = sharedApp()
const permissions = ['prompts:read', 'prompts:write', 'labels:write', 'lifecycle:read', 'lifecycle:write', 'prompts:redact']

/** A caller who sees the category `open` alone, and a prompt there that one prompt of `open` and one of `secret` include. */
async function included() {
  const t = app()
  const limited = await aKeyWith(t, { permissions, categories: ['open'] })
  const part = await aPrompt(t.owner, { category: 'open', content: 'Be brief.' })
  const text = `{{> open/${part.name}@production}} {{> open/${part.name}@1}}`
  const seen = await aPrompt(t.owner, { category: 'open', content: text })
  const hidden = await aPrompt(t.owner, { category: 'secret', content: text })
  return { t, limited, part, names: [`open/${seen.name}`], hidden, blocked: `open/${seen.name}, 1 that you may not see` }
}

test('who includes a prompt is named to those who may see it, and counted to the others', async () => {
  const { t, limited, part, names, hidden, blocked } = await included()
  const deletion = await limited('DELETE', `/prompts/${part.id}`)
  expect([...verdict(deletion), deletion.body.usedBy]).toEqual([409, 'prompt.in_use', names])
  const label = await limited('DELETE', `/prompts/${part.id}/labels/production`)
  expect([...verdict(label), label.body.usedBy]).toEqual([409, 'label.in_use', names])
  const archiving = await limited('PUT', `/prompts/${part.id}/lifecycle`, { status: 'archived' })
  expect([...verdict(archiving), archiving.body.blockers[0].code]).toEqual([409, 'lifecycle.move_blocked', 'not_followed'])
  for (const { body } of [deletion, label, archiving]) expect(body.detail).toContain(`: ${blocked}.`)
  for (const { text } of [deletion, label, archiving]) expect(text).not.toContain(hidden.name)
  expect((await t.owner('DELETE', `/prompts/${part.id}`)).body.usedBy).toEqual([...names, `secret/${hidden.name}`])
})

test('what a caller may not see stands in the way of a move in the validation, too', async () => {
  const { limited, t } = await included()
  const part = await aPrompt(t.owner, { category: 'open', content: 'Be kind.' })
  const hidden = await aPrompt(t.owner, { category: 'secret', content: `{{> open/${part.name}}}` })
  const validation = await limited('POST', `/prompts/${part.id}/lifecycle/validate`, { status: 'archived' })
  expect([validation.body.allowed, validation.text.includes(hidden.name)]).toEqual([false, false])
  expect(validation.body.blockers[0].detail).toContain(': 1 that you may not see.')
  expect(verdict(await limited('PUT', `/prompts/${part.id}/lifecycle`, { status: 'archived' }))).toEqual([409, 'lifecycle.move_blocked'])
})

test('a redaction names the prompts in its way to those who may see them, and counts them to the others', async () => {
  const { t, limited, part, names, hidden } = await included()
  await aVersion(t.owner, part, 'Be briefer.')
  await t.owner('PUT', `/prompts/${part.id}/labels/production`, { version: 2 })
  const path = `/prompts/${part.id}/versions/1/redact`
  const asked = await limited('POST', path, { reason: 'why' })
  const details = [
    `"${names[0]}" includes version 1. Change that prompt first.`,
    'Prompts that you may not see include version 1: 1. Have them changed first.',
  ]
  for (const answer of [asked, await limited('GET', path)]) {
    expect(answer.body.blockers.map(({ detail }: { detail: string }) => detail)).toEqual(details)
    expect(answer.text).not.toContain(hidden.name)
  }
  expect(verdict(await t.owner('POST', path, { reason: 'why' }))).toEqual([409, 'version.in_use'])
})

test('a cycle of includes, and a chain that is too deep, leave out what a caller may not see', async () => {
  const t = app()
  const limited = await aKeyWith(t, { permissions, categories: ['open'] })
  const low = await aPrompt(t.owner, { category: 'open', content: 'Low' })
  const middle = await aPrompt(t.owner, { category: 'secret', content: `{{> open/${low.name}}}` })
  const top = await aPrompt(t.owner, { category: 'open', content: `{{> secret/${middle.name}}}` })
  const cycle = await limited('PUT', `/prompts/${low.id}/content`, { content: `{{> open/${top.name}}}` })
  expect([...verdict(cycle), cycle.text.includes(middle.name)]).toEqual([422, 'include.cycle', false])
  expect(cycle.body.cycle).toEqual([`open/${low.name}`, `open/${top.name}`, '(one that you may not see)', `open/${low.name}`])
  expect((await t.owner('PUT', `/prompts/${low.id}/content`, { content: `{{> open/${top.name}}}` })).body.cycle[2]).toBe(
    `secret/${middle.name}`,
  )
})
