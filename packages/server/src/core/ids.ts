import { v7 } from 'uuid'

/** A new UUIDv7 (RFC 9562): ids of one process sort by the time they were made. */
export const newId = (): string => v7()

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
export const isId = (text: string): boolean => uuid.test(text)
