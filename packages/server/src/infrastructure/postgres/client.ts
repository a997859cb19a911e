import type { Writable } from 'node:stream'
import pg from 'pg'

/** `timestamptz` as RFC 3339 UTC with milliseconds, `bigint` as a number (ours stay below 2^53). */
export const typeParsers: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') => {
    if (oid === pg.types.builtins.TIMESTAMPTZ) return (value: string) => new Date(value).toISOString()
    if (oid === pg.types.builtins.INT8) return Number
    return pg.types.getTypeParser(oid, format as 'text')
  }) as typeof pg.types.getTypeParser,
}

/** Statements that the planner takes for dear are not compiled: ours are short, and compiling takes 0.1 to 0.6 s each time. */
export const uncompiled = 'jit = off'

/** How a session begins that works as a role. */
export const beginSession = (role: 'ps_app' | 'ps_system'): string => `set ${uncompiled}; set role ${role}`

/** The `name` of a text that begins with a comment `hot:name`. */
const hotName = (text: string): string | undefined => (text.startsWith('/*hot:') ? text.slice(6, text.indexOf('*/')) : undefined)

/** A client whose query ran into its time limit is busy for an unknown time: it is closed, and so never goes back to a pool. */
export class PatientClient extends pg.Client {
  /** Send a text that a statement is to follow: the statement may go when `ready` is there, and counts only if `sent` comes about. */
  sendAhead(text: string): { ready: Promise<unknown> | undefined; sent: Promise<unknown> } {
    const sent = this.query(text)
    return { ready: sent, sent }
  }

  // biome-ignore lint/suspicious/noExplicitAny: pg's overloads cannot be restated
  override query(text: any, values?: any, callback?: any): any {
    const result = super.query(text, values, callback) as unknown
    if (result instanceof Promise)
      result.catch((error: Error) => void (error.message === 'Query read timeout' && this.end().catch(() => undefined)))
    return result
  }
}

/**
 * A client that sends a text beginning with `/*hot:name` as the named statement `name`: parsed and planned once per
 * connection, which a hot read wants and Kysely does not do. Statements do not wait for each other's answers, so that a
 * transaction begins in the round trip of its first statement. Not for transaction poolers.
 */
export class Client extends PatientClient {
  constructor(config?: string | pg.ClientConfig) {
    super({ ...(typeof config === 'string' ? { connectionString: config } : config), pipeline: true })
  }

  // biome-ignore lint/suspicious/noExplicitAny: as above
  override query(text: any, values?: any, callback?: any): any {
    const name = typeof text === 'string' && typeof callback !== 'function' ? hotName(text) : undefined
    return name ? super.query({ name, text, values }) : super.query(text, values, callback)
  }

  /**
   * In one packet with all that follows without I/O in between: usually the next statement. Should the beginning of a
   * transaction fail, that statement runs outside of any: whoever uses this gives the session a role that can do nothing then.
   */
  override sendAhead(text: string): { ready: undefined; sent: Promise<unknown> } {
    const { stream } = (this as unknown as { connection: { stream: Writable } }).connection
    stream.cork()
    process.nextTick(() => stream.uncork())
    return { ready: undefined, sent: this.query(text) }
  }
}
