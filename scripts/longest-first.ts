import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** What takes longest, so that no worker is left alone with one of them at the end. */
const longest = [
  /real-data\.test/,
  /backup\/.*faults\.test/,
  /embedded-postgres\//,
  /signals\.faults\.test/,
  /faults\.test/,
  /admin\/|packages\/cli\//,
]
const rank = ({ moduleId }: TestSpecification): number => {
  const place = longest.findIndex((pattern) => pattern.test(moduleId))
  return place === -1 ? longest.length : place
}

/** The order of the test files: the long ones first, then as vitest would have it. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b))
  }
}
