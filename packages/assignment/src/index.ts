export { type Assignable, type Assignment, assign, type Reason } from './assign.ts'
export { murmur3 } from './murmur3.ts'
export { hashes, type Range, rangesOf, reweighed, type Weighted } from './ranges.ts'
