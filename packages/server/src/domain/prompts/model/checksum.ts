import { hash } from 'node:crypto'
import canonicalize from 'canonicalize'
import type { Body } from './shapes.ts'

const sha256 = (text: string): string => hash('sha256', text)

/** SHA-256, in hex, of a value's canonical JSON (RFC 8785). */
export const checksumOf = (value: unknown): string => sha256(canonicalize(value) ?? 'null')

/** The checksum of a version: equal when, and only when, it would do the same. */
export const bodyChecksum = ({ type, engine, content, variables, config }: Body): string =>
  checksumOf({ type, engine, content, variables, config })

/** True when two values are the same JSON, whatever the order of their keys. */
export const sameJson = (a: unknown, b: unknown): boolean => canonicalize(a) === canonicalize(b)
