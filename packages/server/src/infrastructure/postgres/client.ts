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

/** The `name` of a text that begins with a comment `hot:name`. */
const hotName = (text: string): string | undefined => (text.startsWith('/*hot:') ? text.slice(6, text.indexOf('*/')) : undefined)

/** A client whose query ran into its time limit is busy for an unknown time: it is closed, and so never goes back to a pool. */
export class PatientClient extends pg.Client {
  /** Send the statements that begin a transaction; others may be sent once `ready` is there, and have failed if `begun` does. */
  begin(preamble: string): { ready: Promise<unknown> | undefined; begun: Promise<unknown> } {
    const begun = this.query(preamble)
    return { ready: begun, begun }
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
   * Should the preamble fail, the statement behind it runs outside of any transaction: whoever uses this gives the session a
   * role that can do nothing without one.
   */
  override begin(preamble: string): { ready: undefined; begun: Promise<unknown> } {
    const { stream } = (this as unknown as { connection: { stream: Writable } }).connection
    stream.cork()
    // After all that follows without I/O in between: usually the first statement, which then goes out in the same packet.
    process.nextTick(() => stream.uncork())
    const begun: Promise<unknown> = this.query(preamble)
    begun.catch(() => undefined)
    return { ready: undefined, begun }
  }
}
