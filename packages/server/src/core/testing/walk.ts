import type { Call, TestApp } from '../../testing/index.ts'
import type { AnyEndpoint } from '../endpoint.ts'

/** All endpoints of the product. */
export const endpointsOf = (t: TestApp): readonly AnyEndpoint[] => t.app.modules.flatMap(({ endpoints }) => endpoints)

/** Values for path parameters, of things that exist. */
export type Fixtures = Readonly<Record<'id' | 'version' | 'a' | 'b' | 'label' | 'category' | 'name' | 'tag', string>>

/** Make, in the caller's workspace, one of everything that a path can name. */
export async function makeFixtures(call: Call): Promise<Fixtures> {
  const category = 'walk/kategorie'
  const name = 'einer & alle'
  const made = await call('POST', '/prompts', {
    content: 'Hi {{who}}',
    category,
    name,
    tags: ['walked'],
    labels: ['production', 'staging'],
  })
  const { id } = made.body
  await call('PUT', `/prompts/${id}/content`, { content: 'Hello {{who}}' })
  await call('PUT', `/prompts/${id}/labels/staging`, { version: 2 })
  return { id, version: '1', a: '1', b: '2', label: 'staging', category, name, tag: 'walked' }
}

/** The address of an endpoint with its parameters filled. @throws for a parameter that the fixtures do not know */
export const addressOf = ({ name: endpoint, path }: AnyEndpoint, fixtures: Fixtures): string =>
  path.replace(/:([A-Za-z]+)/g, (_, name: string) => {
    const value = (fixtures as Readonly<Record<string, string>>)[name]
    if (value === undefined) throw new Error(`${endpoint}: teach core/testing/walk.ts to make a ":${name}"`)
    return encodeURIComponent(value)
  })

type Bodies = Readonly<Record<string, (f: Fixtures) => Record<string, unknown>>>

/** For each endpoint that takes a body one that it accepts, with at least one text in it. */
const bodies: Bodies = {
  'prompts.create': () => ({ content: 'New' }),
  'prompts.update': () => ({ description: 'Changed' }),
  'prompts.updateContent': () => ({ content: 'Changed' }),
  'prompts.fork': () => ({ name: `fork ${Math.random()}` }),
  'prompts.rollback': () => ({ reason: 'Better' }),
  'prompts.setLabel': () => ({ version: 1, reason: 'Why not' }),
  'prompts.revertLabel': () => ({ reason: 'Back' }),
  'prompts.resolve': ({ category, name }) => ({ category, name }),
  'prompts.render': () => ({ label: 'production', variables: { who: 'you' } }),
  'prompts.search': () => ({ query: 'who', mode: 'hybrid' }),
  'prompts.batchGet': ({ id }) => ({ items: [{ id }] }),
  'cache.invalidate': ({ id }) => ({ promptId: id }),
  'cache.warmup': ({ category, name }) => ({ items: [{ category, name }] }),
}

/** @throws for an endpoint that takes a body and is not known here */
export function bodyOf(e: AnyEndpoint, fixtures: Fixtures): Record<string, unknown> | undefined {
  if (!e.body) return undefined
  const make = bodies[e.name]
  if (!make) throw new Error(`${e.name}: teach core/testing/walk.ts a body that it accepts`)
  return make(fixtures)
}
