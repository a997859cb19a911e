import { hash } from 'node:crypto'

/** What an exposure id says: in which phase of a test a unit was assigned which variant (counted from 0). `unitHash` is hex. */
export type Exposed = Readonly<{ phase: number; variant: number; unitHash: string }>

const form = /^([0-9a-z]{1,7})\.([0-9])\.([0-9a-f]{16})\.([\w-]{11})$/

/** Of test, phase, unit and variant: tells an id that was given for this test from any other. */
const checkOf = (testId: string, facts: string): string => hash('sha256', `${testId} ${facts}`, 'base64url').slice(0, 11)

/** The id of an exposure: a hash of test, phase, unit and variant that says what it stands for, so that results find it though nothing was written. */
export function exposureIdOf(testId: string, { phase, variant, unitHash }: Exposed): string {
  const facts = `${phase.toString(36)}.${variant}.${unitHash}`
  return `${facts}.${checkOf(testId, facts)}`
}

/** @returns undefined for what is no exposure id of this test */
export function readExposureId(testId: string, id: string): Exposed | undefined {
  const [, phase = '', variant = '', unitHash = '', check] = form.exec(id) ?? []
  if (check === undefined || check !== checkOf(testId, `${phase}.${variant}.${unitHash}`)) return undefined
  return { phase: Number.parseInt(phase, 36), variant: Number(variant), unitHash }
}
