import { beforeAll, describe, expect, test } from 'vitest'
import { aPrompt, sharedApp } from '../prompts/testing/prompt-kit.ts'
import { find, indexed, names } from './testing/search-kit.ts'

const t = sharedApp()

beforeAll(async () => {
  const { owner } = t()
  const make = (name: string, fields: Record<string, unknown>) => aPrompt(owner, { name, ...fields })
  await make('extract_wisdom', { content: 'Take the surprising insights out of a talk.', category: 'fabric', tags: ['insight', 'talks'] })
  await make('summarize', { content: 'Summarize the text in {{count}} sentences.', category: 'fabric', description: 'A short summary' })
  await make('reply politely', { content: 'Answer {{customer}} politely. Mention the refund.', category: 'support', isTemplate: true })
  await make('invoice', {
    content: 'Check the invoice of {{customer}}.',
    category: 'finance',
    tags: ['money'],
    labels: ['production', 'staging'],
  })
  await make('翻訳', { content: '次の文章を日本語に翻訳してください。', category: 'sprachen' })
  await make('中文摘要', { content: '请用中文总结下面的文章', category: 'sprachen' })
  await make('party', { content: 'Plan a party 🎉 for {{guest}}', category: 'fun' })
  await make('jsonHelper', { content: 'parseJSONSchema and validateOutput', category: 'code' })
  await make('chat', { content: [{ role: 'system', content: 'You are a zoologist.' }, { placeholder: 'history' }], category: 'code' })
  await indexed(owner)
})

describe('searching by words', () => {
  test.each<[string, string, string[]]>([
    ['a word of the content', 'surprising', ['extract_wisdom']],
    ['a part of a name', 'wisdom', ['extract_wisdom']],
    ['singular for plural', 'sentence', ['summarize']],
    ['capitals', 'INVOICE', ['invoice']],
    ['a tag', 'money', ['invoice']],
    ['a variable', 'guest', ['party']],
    ['a message of a chat', 'zoologist', ['chat']],
    ['a part of a word in camel case', 'schema', ['jsonHelper']],
    ['two Japanese signs', '日本', ['翻訳']],
    ['a Japanese word', '翻訳', ['翻訳']],
    ['one Chinese sign', '结', ['中文摘要']],
    ['a Chinese word within a sentence', '总结', ['中文摘要']],
    ['an emoji', '🎉', ['party']],
    ['a typo', 'suprising', ['extract_wisdom']],
    ['a swap', 'inovice', ['invoice']],
    ['the beginning of a word', 'zoolog', ['chat']],
    ['what there is not', 'qqqqxyzw', []],
  ])('%s finds what has it', async (_what, query, expected) => expect(await names(t().owner, query)).toEqual(expected))

  test('a name counts more than a mention', async () => expect((await names(t().owner, 'summarize text'))[0]).toBe('summarize'))

  test('more of the words is better, and scores fall', async () => {
    const { body } = await find(t().owner, 'refund customer')
    expect(body.items.map(({ name }: { name: string }) => name)).toEqual(['reply politely', 'invoice'])
    expect(body.items[0].score).toBeGreaterThan(body.items[1].score)
    expect(body.mode).toBe('keyword')
  })

  test('a prompt comes as in a list, without its content', async () => {
    const [item] = (await find(t().owner, 'invoice')).body.items
    const listed = (await t().owner('GET', '/prompts?category=finance&view=summary')).body.items[0]
    const { score: _score, highlights: _highlights, ...facts } = item
    expect(facts).toEqual(listed)
  })
})
