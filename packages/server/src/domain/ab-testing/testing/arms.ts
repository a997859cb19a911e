import type { TestApp } from '../../../testing/index.ts'

/** Prompts to be the arms of a test, one for each text; served by production. */
export const arms = (t: TestApp, ...texts: string[]): Promise<string[]> =>
  Promise.all(
    texts.map(
      async (content) => (await t.owner('POST', '/prompts', { content, category: 'arms', labels: ['production'] })).body.id as string,
    ),
  )

/** A test that runs, of two new prompts unless told. */
export async function aRunningTest(t: TestApp, more: object = {}) {
  const [promptAId, promptBId] = await arms(t, 'Hello {{who}}', 'Hi {{who}}')
  const made = await t.owner('POST', '/optimization/ab-tests', { name: 'greeting', promptAId, promptBId, start: true, ...more })
  if (made.status !== 201) throw new Error(made.text)
  return made.body
}

/** The first of `unit-0`, `unit-1`, … that a test assigns so. */
export async function aUnitThat(t: TestApp, id: string, fits: (assigned: Record<string, unknown>) => boolean): Promise<string> {
  for (let i = 0; i < 500; i++) {
    const { body } = await t.owner('GET', `/optimization/ab-tests/${id}/assign?unitId=unit-${i}`)
    if (fits(body)) return `unit-${i}`
  }
  throw new Error('no unit is assigned so')
}
